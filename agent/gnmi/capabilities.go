package gnmi

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	models "github.com/openifit/openifit/yang"
)

// Capabilities lists the models with their revisions, and the encodings.
func (s *Server) Capabilities(context.Context, *gpb.CapabilityRequest) (*gpb.CapabilityResponse, error) {
	list, err := modelData()
	if err != nil {
		return nil, err
	}
	return &gpb.CapabilityResponse{
		SupportedModels:    list,
		SupportedEncodings: []gpb.Encoding{gpb.Encoding_JSON, gpb.Encoding_JSON_IETF, gpb.Encoding_PROTO},
		GNMIVersion:        gnmiVersion(),
	}, nil
}

// gnmiVersion is the version that the gNMI protocol buffers were made from.
func gnmiVersion() string {
	opts, ok := gpb.File_github_com_openconfig_gnmi_proto_gnmi_gnmi_proto.Options().(*descriptorpb.FileOptions)
	if !ok {
		return ""
	}
	v, _ := proto.GetExtension(opts, gpb.E_GnmiService).(string)
	return v
}

// modelData reads the names, organisations and newest revisions of the YANG
// modules.
func modelData() ([]*gpb.ModelData, error) {
	files, err := models.Files.ReadDir(".")
	if err != nil {
		return nil, fmt.Errorf("list the models: %w", err)
	}
	organization := regexp.MustCompile(`(?s)\borganization\s+"([^"]*)"`)
	revision := regexp.MustCompile(`\brevision\s+"?(\d{4}-\d{2}-\d{2})`)
	var list []*gpb.ModelData
	for _, f := range files {
		text, err := models.Files.ReadFile(f.Name())
		if err != nil {
			return nil, fmt.Errorf("read the model %s: %w", f.Name(), err)
		}
		m := &gpb.ModelData{Name: strings.TrimSuffix(f.Name(), ".yang")}
		if found := organization.FindSubmatch(text); found != nil {
			m.Organization = string(found[1])
		}
		// Revisions are listed newest first.
		if found := revision.FindSubmatch(text); found != nil {
			m.Version = string(found[1])
		}
		list = append(list, m)
	}
	return list, nil
}
