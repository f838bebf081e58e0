//go:build linux

package lab

// Names of the policies that the lab's loops look for. A loop without its
// policies waits until they are applied.
const (
	elephantsPolicy = "elephants"
	watchPolicy     = "watch"
	sketchPolicy    = "heavy"
)

// loopConfig is one loop in the controller's configuration; what is zero takes
// the controller's default.
type loopConfig struct {
	Name   string `yaml:"name"`
	Type   string `yaml:"type"`
	Policy string `yaml:"policy,omitempty"`
	Sketch string `yaml:"sketch,omitempty"`
	Enter  uint64 `yaml:"enter-octets-per-second,omitempty"`
	Base   string `yaml:"base,omitempty"`
	Budget uint64 `yaml:"budget-octets-per-second,omitempty"`
}

const (
	// elephantRate makes an elephant, in octets per second.
	elephantRate = 100_000
	// exportBudget is what the lab's domain may export, in octets per second.
	exportBudget = 400_000
)

// loops are those of the lab: heavy flows get on-path telemetry and triggers,
// and are sampled more while something is wrong with them.
func loops() []loopConfig {
	return []loopConfig{
		{Name: "elephants", Type: "elephants", Policy: elephantsPolicy, Sketch: sketchPolicy, Enter: elephantRate},
		{Name: "elephants-watch", Type: "elephants", Policy: watchPolicy, Sketch: sketchPolicy, Enter: elephantRate},
		{Name: "adaptive", Type: "adaptive-sampling", Base: elephantsPolicy, Budget: exportBudget},
	}
}

// clientConfig is what "ifitctl node list" and its siblings start from.
type clientConfig struct {
	Controller string   `yaml:"controller"`
	TLS        tlsFiles `yaml:"tls"`
}
