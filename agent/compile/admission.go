package compile

import (
	"fmt"
	"slices"

	"github.com/openifit/openifit/gen/yang"
)

// admitted is the policy as far as this node agrees to it. What is declined
// as a whole has its reasons in Declined.
func (d *definition) admitted(c *yang.Admission_Config) *definition {
	path := policyPath(d.Name)
	out := *d
	decline := func(leaf, format string, args ...any) {
		out.Declined = append(out.Declined, &Error{Path: path + leaf, Code: NotAdmitted, Reason: fmt.Sprintf(format, args...)})
	}
	if t := c.GetTechnique(); len(t) > 0 && !slices.Contains(t, d.Technique) {
		decline("/config/technique", "%s is not admitted on this node", d.Technique)
	}
	if o := c.GetOwner(); len(o) > 0 && !slices.Contains(o, d.Owner) {
		decline("/config/owner", "%q is not admitted on this node", d.Owner)
	}
	if admitted := c.GetDataElement(); len(admitted) > 0 {
		omit := c.GetOnDeclinedElement() == yang.AdmissionAction_OMIT
		out.Elements = nil
		for _, e := range d.Elements {
			switch {
			case slices.Contains(admitted, e):
				out.Elements = append(out.Elements, e)
			case omit && !slices.Contains(d.needed, e):
				out.Omitted = append(out.Omitted, e)
			case omit:
				decline("/data-selection/config/data-element", "%s is not admitted on this node, and records of %s cannot do without it", e, d.Technique)
			default:
				decline("/data-selection/config/data-element", "%s is not admitted on this node", e)
			}
		}
	}
	if len(out.Declined) == 0 && len(out.Omitted) == 0 {
		return d
	}
	if len(out.Declined) > 0 {
		out.Elements, out.Omitted = d.Elements, nil
	}
	return &out
}
