// The part of Argo CD's application controller that meets other writers of a cluster, over the engine of Argo CD itself:
// every so often it compares what applications have in a folder with the cluster, and puts back what differs (self-heal).
//
//	gitops-engine KUBECONFIG EVERY FOLDER
//
// A file of the folder is one application, read anew each time: {"application": …, "manifests": […]}. Of the Application
// its name, spec.destination.namespace, ignoreDifferences and syncPolicy.syncOptions count. Each look is told by a line.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	waiting "sync"
	"time"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/cache"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/diff"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/sync"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/utils/kube"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/utils/tracing"
	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// By which Argo CD knows what is its own, and the name by which it writes.
const (
	tracking = "argocd.argoproj.io/tracking-id"
	manager  = "argocd-controller"
)

type file struct {
	Application application      `json:"application"`
	Manifests   []map[string]any `json:"manifests"`
}

type application struct {
	Metadata struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		Destination struct {
			Namespace string `json:"namespace"`
		} `json:"destination"`
		IgnoreDifferences []ignored `json:"ignoreDifferences"`
		SyncPolicy        struct {
			SyncOptions []string `json:"syncOptions"`
		} `json:"syncPolicy"`
	} `json:"spec"`
}

func (one application) has(option string) bool {
	return slices.Contains(one.Spec.SyncPolicy.SyncOptions, option)
}

type world struct {
	config  *rest.Config
	cache   cache.ClusterCache
	kubectl kube.Kubectl
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(words []string) error {
	if len(words) != 3 {
		return fmt.Errorf("usage: gitops-engine KUBECONFIG EVERY FOLDER")
	}
	// By it kubectl, of which the engine is made, names who creates and replaces.
	os.Args[0] = "argocd-application-controller"
	config, err := clientcmd.BuildConfigFromFlags("", words[0])
	if err != nil {
		return err
	}
	every, err := time.ParseDuration(words[1])
	if err != nil {
		return err
	}
	config.QPS, config.Burst = 50, 100
	kubectl := &kube.KubectlCmd{Log: logr.Discard(), Tracer: tracing.NopTracer{}}
	all := world{config, cache.NewClusterCache(config,
		cache.SetKubectl(kubectl),
		cache.SetLogr(logr.Discard()),
		cache.SetPopulateResourceInfoHandler(func(object *unstructured.Unstructured, _ bool) (any, bool) {
			id := object.GetAnnotations()[tracking]
			return id, id != ""
		}),
	), kubectl}
	if err := all.cache.EnsureSynced(); err != nil {
		return err
	}
	for ; ; time.Sleep(every) {
		names, err := filepath.Glob(filepath.Join(words[2], "*.json"))
		if err != nil {
			return err
		}
		var looks waiting.WaitGroup
		for _, name := range names {
			looks.Go(func() {
				said, err := all.healed(name)
				if err != nil {
					said = "failed: " + err.Error()
				}
				fmt.Printf("%s: %s\n", strings.TrimSuffix(filepath.Base(name), ".json"), said)
			})
		}
		looks.Wait()
	}
}

// One look at an application, and a sync if it differs: what was done.
func (all *world) healed(name string) (string, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	var in file
	if err := json.Unmarshal(text, &in); err != nil {
		return "", err
	}
	app, objects := in.Application, in.Manifests
	namespace := app.Spec.Destination.Namespace
	targets := make([]*unstructured.Unstructured, len(objects))
	ids := map[string]bool{}
	for index, object := range objects {
		target := &unstructured.Unstructured{Object: object}
		target.SetNamespace(namespace)
		kind := target.GroupVersionKind()
		id := fmt.Sprintf("%s:%s/%s:%s/%s", app.Metadata.Name, kind.Group, kind.Kind, namespace, target.GetName())
		annotations := target.GetAnnotations()
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations[tracking] = id
		target.SetAnnotations(annotations)
		targets[index] = target
		ids[id] = true
	}
	live, err := all.cache.GetManagedLiveObjs(targets, func(one *cache.Resource) bool {
		id, _ := one.Info.(string)
		return ids[id]
	})
	if err != nil {
		return "", err
	}
	state := sync.Reconcile(targets, live, namespace, all.cache)
	normalizer, err := normalizerOf(app.Spec.IgnoreDifferences)
	if err != nil {
		return "", err
	}
	isServerSide := app.has("ServerSideApply=true")
	options := []diff.Option{diff.WithNormalizer(normalizer), diff.WithLogr(logr.Discard())}
	if isServerSide {
		options = append(options, diff.WithStructuredMergeDiff(true), diff.WithManager(manager),
			diff.WithGVKParser(all.cache.GetGVKParser()))
	}
	compared, err := diff.DiffArray(state.Target, state.Live, options...)
	if err != nil {
		return "", err
	}
	if !compared.Modified {
		return "in sync", nil
	}
	if app.has("RespectIgnoreDifferences=true") {
		if state.Target, err = respecting(normalizer, state); err != nil {
			return "", err
		}
	}
	return all.synced(namespace, state, compared,
		sync.WithReplace(app.has("Replace=true")),
		sync.WithServerSideApply(isServerSide),
		sync.WithResourceModificationChecker(app.has("ApplyOutOfSyncOnly=true"), compared))
}

func (all *world) synced(
	namespace string, state sync.ReconciliationResult, compared *diff.DiffResultList, options ...sync.SyncOpt,
) (string, error) {
	options = append(options,
		sync.WithLogr(logr.Discard()),
		sync.WithServerSideApplyManager(manager),
		sync.WithClientSideApplyMigration(true, "kubectl-client-side-apply"),
		sync.WithSkipHooks(true))
	doing, cleanup, err := sync.NewSyncContext("", state, all.config, all.config, all.kubectl, namespace, options...)
	if err != nil {
		return "", err
	}
	defer cleanup()
	for end := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		doing.Sync()
		phase, message, results := doing.GetState()
		if phase.Completed() {
			said := string(phase) + ": " + message
			for index, one := range compared.Diffs {
				if one.Modified && state.Target[index] != nil {
					said += fmt.Sprintf("; %s %s differed", state.Target[index].GetKind(), state.Target[index].GetName())
				}
			}
			for _, one := range results {
				said += fmt.Sprintf("; %s: %s", one.ResourceKey.Name, one.Message)
			}
			return said, nil
		}
		if time.Now().After(end) {
			return "", fmt.Errorf("the sync takes over a minute: %s", message)
		}
	}
}
