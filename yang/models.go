// Package yang holds the YANG modules that are an agent's only public
// configuration surface, as text. The Go types generated from them are in
// gen/yang.
package yang

import "embed"

// Files are the YANG modules, one file each, named after the module.
//
//go:embed *.yang
var Files embed.FS

//go:generate go run -trimpath github.com/openconfig/ygot/generator -logtostderr -path=. -output_dir=../gen/yang -package_name=yang -structs_split_files_count=8 -generate_fakeroot -fakeroot_name=device -typedef_enum_with_defmod -generate_simple_unions -generate_getters -generate_leaf_getters -generate_ordered_maps=false -include_model_data openifit-types.yang openifit-agent.yang
//go:generate go run ./internal/finish -dir ../gen/yang
