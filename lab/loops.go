//go:build linux

package lab

// Names of the policies that the lab's loops look for. A loop without its
// policies waits until they are applied.
const (
	elephantsPolicy = "elephants"
	watchPolicy     = "watch"
	sketchPolicy    = "heavy"
)

// Loop is one loop in the controller's configuration, by the names of its
// parameters; what is absent takes the controller's default.
type Loop map[string]any

const (
	// elephantRate makes an elephant, in octets per second.
	elephantRate = 100_000
	// exportBudget is what the lab's domain may export, in octets per second.
	exportBudget = 400_000
)

// DefaultLoops put heavy flows on telemetry and triggers, and sample them more
// while something is wrong with them.
func DefaultLoops() []Loop {
	return []Loop{
		{
			"name": "elephants", "type": "elephants", "policy": elephantsPolicy, "sketch": sketchPolicy,
			"enter-octets-per-second": elephantRate,
		}, {
			"name": "elephants-watch", "type": "elephants", "policy": watchPolicy, "sketch": sketchPolicy,
			"enter-octets-per-second": elephantRate,
		}, {
			"name": "adaptive", "type": "adaptive-sampling", "base": elephantsPolicy,
			"budget-octets-per-second": exportBudget,
		},
	}
}

// clientConfig is what "ifitctl node list" and its siblings start from.
type clientConfig struct {
	Controller string   `yaml:"controller"`
	TLS        tlsFiles `yaml:"tls"`
}
