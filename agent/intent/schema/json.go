package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// jsonKind is the kind of a JSON value.
type jsonKind uint8

const (
	jsonObject jsonKind = iota
	jsonArray
	jsonScalar
)

// jsonValue is a parsed JSON value. encoding/json would drop all but the last
// of several members with the same name; here that is an error.
type jsonValue struct {
	kind    jsonKind
	members []jsonMember
	items   []jsonValue
	scalar  scalar
}

type jsonMember struct {
	name  string
	value jsonValue
}

// maxJSONDepth is more than the model needs.
const maxJSONDepth = 64

func parseJSON(text []byte) (jsonValue, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	v, err := readJSON(d, 0)
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return jsonValue{}, fmt.Errorf("not valid JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return jsonValue{}, errors.New("not valid JSON: something follows the value")
	}
	return v, nil
}

func readJSON(d *json.Decoder, depth int) (jsonValue, error) {
	if depth > maxJSONDepth {
		return jsonValue{}, fmt.Errorf("nested deeper than %d levels", maxJSONDepth)
	}
	tok, err := d.Token()
	if err != nil {
		return jsonValue{}, err
	}
	switch t := tok.(type) {
	case json.Delim:
		if t == '{' {
			return readObject(d, depth)
		}
		v := jsonValue{kind: jsonArray}
		for d.More() {
			item, err := readJSON(d, depth+1)
			if err != nil {
				return v, err
			}
			v.items = append(v.items, item)
		}
		_, err := d.Token()
		return v, err
	case string:
		return jsonValue{kind: jsonScalar, scalar: scalar{formText, t}}, nil
	case json.Number:
		return jsonValue{kind: jsonScalar, scalar: scalar{formNumber, t.String()}}, nil
	case bool:
		return jsonValue{kind: jsonScalar, scalar: scalar{formBool, fmt.Sprint(t)}}, nil
	}
	return jsonValue{kind: jsonScalar, scalar: scalar{form: formNull}}, nil
}

func readObject(d *json.Decoder, depth int) (jsonValue, error) {
	v := jsonValue{kind: jsonObject}
	seen := map[string]bool{}
	for d.More() {
		tok, err := d.Token()
		if err != nil {
			return v, err
		}
		name := tok.(string) //nolint:forcetypeassert // the decoder gives object keys as strings only
		if seen[name] {
			return v, fmt.Errorf("member %q is given twice", clip(name))
		}
		seen[name] = true
		value, err := readJSON(d, depth+1)
		if err != nil {
			return v, err
		}
		v.members = append(v.members, jsonMember{name, value})
	}
	_, err := d.Token()
	return v, err
}

// describe names the kind of a value for a message.
func (v jsonValue) describe() string {
	switch v.kind {
	case jsonObject:
		return "a JSON object"
	case jsonArray:
		return "a JSON array"
	}
	return v.scalar.String()
}
