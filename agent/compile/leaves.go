package compile

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// set is a set of schema paths, relative to where a walk begins.
type set map[string]bool

func paths(groups ...[]string) set {
	s := make(set)
	for _, g := range groups {
		for _, p := range g {
			s[p] = true
		}
	}
	return s
}

// refuseOthers refuses every configuration leaf below node that has a value,
// is not in the set, and does not merely repeat its default: what is not
// built is never accepted and ignored.
func (p *problems) refuseOthers(path string, node any, built set) {
	walk(reflect.ValueOf(node), path, "", func(full, schema string, parent reflect.Value, field int) {
		if !built[schema] && !isDefault(parent, field) {
			p.add(NotBuilt, full, notBuilt)
		}
	})
}

// walk visits the configuration leaves that have values, in a stable order.
func walk(v reflect.Value, full, schema string, visit func(full, schema string, parent reflect.Value, field int)) {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return
		}
		v = v.Elem()
	}
	t := v.Type()
	_, isEntry := t.FieldByName("Config")
	for i := range t.NumField() {
		name, ok := t.Field(i).Tag.Lookup("path")
		f := v.Field(i)
		if !ok || name == "state" || f.IsZero() {
			continue
		}
		childFull, childSchema := full+"/"+name, strings.TrimPrefix(schema+"/"+name, "/")
		switch {
		case f.Kind() == reflect.Pointer && f.Type().Elem().Kind() == reflect.Struct:
			walk(f, childFull, childSchema, visit)
		case f.Kind() == reflect.Map:
			keys := f.MapKeys()
			slices.SortFunc(keys, compareKeys)
			for _, k := range keys {
				entry := f.MapIndex(k)
				walk(entry, childFull+"["+keyName(entry)+"="+fmt.Sprint(k.Interface())+"]", childSchema, visit)
			}
		case !isEntry && !(f.Kind() == reflect.Slice && f.Len() == 0):
			// The key leaf of a list entry, beside its config container, only
			// refers to a leaf in there.
			visit(childFull, childSchema, v, i)
		}
	}
}

func compareKeys(a, b reflect.Value) int {
	if a.CanUint() {
		return cmp.Compare(a.Uint(), b.Uint())
	}
	return strings.Compare(a.String(), b.String())
}

// keyName finds the name of the key leaf of a list entry.
func keyName(entry reflect.Value) string {
	t := entry.Type().Elem()
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Type.Kind() == reflect.Pointer && f.Type.Elem().Kind() != reflect.Struct {
			return f.Tag.Get("path")
		}
	}
	return ""
}

// isDefault compares a leaf with what its getter says of an empty container.
func isDefault(parent reflect.Value, field int) bool {
	get := reflect.New(parent.Type()).MethodByName("Get" + parent.Type().Field(field).Name)
	if !get.IsValid() {
		return false
	}
	v := parent.Field(field)
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	return reflect.DeepEqual(v.Interface(), get.Call(nil)[0].Interface())
}
