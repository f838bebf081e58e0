// Package bpf holds the directives that compile the programs of ../../bpf
// into the packages below it. The objects are committed, so that building
// needs no C compiler; make gen needs clang-14, llvm-strip-14 and libbpf-dev.
//
// Little endian only: amd64 and arm64 give the same object.
package bpf

//go:generate go tool bpf2go -cc clang-14 -strip llvm-strip-14 -target bpfel -cflags "-O2 -g -mcpu=v3 -Wall -Werror" -go-package point -output-dir point -output-stem point -type ifit_feature -type ifit_algorithm -type ifit_limit -type ifit_rule_word -type ifit_ranges -type ifit_rule_field -type ifit_rule_set -type ifit_rule_value_field -type ifit_slot -type ifit_sketch_part -type ifit_selection -type ifit_slot_marks -type ifit_mark_field -type ifit_postcard -type ifit_event -type ifit_burst_event -type ifit_tcp_view -type ifit_tcp_half -type ifit_note BPF ../../bpf/point.bpf.c
//go:generate go tool bpf2go -cc clang-14 -strip llvm-strip-14 -target bpfel -cflags "-O2 -g -mcpu=v3 -Wall -Werror" -go-package xmit -output-dir xmit -output-stem xmit -type ifit_sweep_context -type ifit_histogram_metric -type ifit_histogram_key -type ifit_histogram -type ifit_note_key BPF ../../bpf/xmit.bpf.c
//go:generate go tool bpf2go -cc clang-14 -strip llvm-strip-14 -target bpfel -cflags "-O2 -g -mcpu=v3 -Wall -Werror" -go-package drop -output-dir drop -output-stem drop BPF ../../bpf/drop.bpf.c
//go:generate go tool bpf2go -cc clang-14 -strip llvm-strip-14 -target bpfel -cflags "-O2 -g -mcpu=v3 -Wall -Werror" -go-package impair -output-dir impair -output-stem impair -type impair_state BPF ../../bpf/impair.bpf.c
//go:generate go tool bpf2go -cc clang-14 -strip llvm-strip-14 -target bpfel -cflags "-O2 -g -mcpu=v3 -Wall -Werror" -go-package bench -output-dir bench -output-stem bench BPF ../../bpf/bench.bpf.c
