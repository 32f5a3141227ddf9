package main

import (
	"encoding/json"
	"fmt"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/sync"
	"github.com/itchyny/gojq"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/kubernetes/scheme"
)

// One of an Application's ignoreDifferences.
type ignored struct {
	Group             string   `json:"group"`
	Kind              string   `json:"kind"`
	Name              string   `json:"name"`
	Namespace         string   `json:"namespace"`
	JQPathExpressions []string `json:"jqPathExpressions"`
}

type pattern struct {
	ignored
	deletion *gojq.Code
}

// What is ignored is taken out of both sides before they are compared (Argo CD's util/argo/normalizers).
type normalizer []pattern

func normalizerOf(all []ignored) (normalizer, error) {
	made := normalizer{}
	for _, one := range all {
		for _, path := range one.JQPathExpressions {
			query, err := gojq.Parse("del(" + path + ")")
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			code, err := gojq.Compile(query)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			made = append(made, pattern{one, code})
		}
	}
	return made, nil
}

func (all normalizer) Normalize(object *unstructured.Unstructured) error {
	kind := object.GroupVersionKind()
	for _, one := range all {
		if !matches(one.Group, kind.Group) || !matches(one.Kind, kind.Kind) ||
			(one.Name != "" && one.Name != object.GetName()) ||
			(one.Namespace != "" && one.Namespace != object.GetNamespace()) {
			continue
		}
		// jq knows the types of encoding/json and no others.
		text, err := json.Marshal(object.Object)
		if err != nil {
			return err
		}
		var plain map[string]any
		if err := json.Unmarshal(text, &plain); err != nil {
			return err
		}
		found, _ := one.deletion.Run(plain).Next()
		rest, isObject := found.(map[string]any)
		// What an expression does not fit is left as it is, as in Argo CD.
		if !isObject {
			continue
		}
		if text, err = json.Marshal(rest); err != nil {
			return err
		}
		if err := object.UnmarshalJSON(text); err != nil {
			return err
		}
	}
	return nil
}

func matches(pattern, text string) bool {
	return pattern == "*" || pattern == text
}

// RespectIgnoreDifferences: what is ignored is written as it is in the cluster (normalizeTargetResources of Argo CD's
// controller/sync.go).
func respecting(all normalizer, state sync.ReconciliationResult) ([]*unstructured.Unstructured, error) {
	patched := make([]*unstructured.Unstructured, len(state.Target))
	for index, target := range state.Target {
		patched[index] = target
		live := state.Live[index]
		if target == nil || live == nil {
			continue
		}
		live = live.DeepCopy()
		unstructured.RemoveNestedField(live.Object, "status")
		bare, kept := live.DeepCopy(), target.DeepCopy()
		for _, one := range []*unstructured.Unstructured{bare, kept} {
			if err := all.Normalize(one); err != nil {
				return nil, err
			}
		}
		typed, err := scheme.Scheme.New(target.GroupVersionKind())
		if err != nil {
			return nil, err
		}
		meta, err := strategicpatch.NewPatchMetaFromStruct(typed)
		if err != nil {
			return nil, err
		}
		texts := make([][]byte, 3)
		for place, one := range []*unstructured.Unstructured{live, bare, kept} {
			if texts[place], err = one.MarshalJSON(); err != nil {
				return nil, err
			}
		}
		patch, err := strategicpatch.CreateThreeWayMergePatch(texts[0], texts[0], texts[1], meta, true)
		if err != nil {
			return nil, err
		}
		text, err := strategicpatch.StrategicMergePatch(texts[2], patch, typed)
		if err != nil {
			return nil, err
		}
		patched[index] = &unstructured.Unstructured{}
		if err := patched[index].UnmarshalJSON(text); err != nil {
			return nil, err
		}
	}
	return patched, nil
}
