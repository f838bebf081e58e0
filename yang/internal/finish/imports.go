package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"strconv"
)

// dropUnusedImports rewrites each generated file without the imports that it
// does not use: ygot gives every file of a directory the same ones.
func dropUnusedImports(dir, skip string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return err
	}
	for _, f := range files {
		if filepath.Base(f) == skip {
			continue
		}
		if err := tidyImports(f); err != nil {
			return fmt.Errorf("tidy imports of %s: %w", f, err)
		}
	}
	return nil
}

func tidyImports(file string) error {
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, file, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	used := map[string]bool{}
	ast.Inspect(parsed, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if id, ok := sel.X.(*ast.Ident); ok {
				used[id.Name] = true
			}
		}
		return true
	})
	var decls []ast.Decl
	for _, d := range parsed.Decls {
		gen, ok := d.(*ast.GenDecl)
		if !ok || gen.Tok != token.IMPORT {
			decls = append(decls, d)
			continue
		}
		var specs []ast.Spec
		for _, s := range gen.Specs {
			if spec := s.(*ast.ImportSpec); used[importName(spec)] {
				specs = append(specs, spec)
			}
		}
		gen.Specs = specs
		if len(specs) > 0 {
			decls = append(decls, gen)
		}
	}
	parsed.Decls = decls
	var b bytes.Buffer
	if err := format.Node(&b, fset, parsed); err != nil {
		return err
	}
	return os.WriteFile(file, b.Bytes(), 0o644)
}

func importName(spec *ast.ImportSpec) string {
	if spec.Name != nil {
		return spec.Name.Name
	}
	p, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		return ""
	}
	return path.Base(p)
}
