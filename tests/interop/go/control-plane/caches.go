package main

import (
	"context"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
)

// A way of go-control-plane to keep resources.
type caches interface {
	cache() cache.Cache
	set(version string, table table) error
}

// The one that most control planes are made with: a consistent snapshot for each node. In its ADS mode it does not answer
// a state-of-the-world request that leaves out one of its names.
type simple struct{ snapshots cache.SnapshotCache }

// Every node sees the same.
type everyone struct{}

func (everyone) ID(*core.Node) string { return "everyone" }

func newSimple() simple {
	return simple{cache.NewSnapshotCache(true, everyone{}, nil)}
}

func (s simple) cache() cache.Cache { return s.snapshots }

func (s simple) set(version string, table table) error {
	snapshot, err := cache.NewSnapshot(version, table.resources())
	if err != nil {
		return err
	}
	if err := snapshot.Consistent(); err != nil {
		return err
	}
	return s.snapshots.SetSnapshot(context.Background(), everyone{}.ID(nil), snapshot)
}

// A linear cache for each type, each with versions of its own.
type mux struct {
	whole  cache.MuxCache
	linear map[string]*cache.LinearCache
}

func newMux() mux {
	linear := map[string]*cache.LinearCache{}
	whole := cache.MuxCache{
		Classify:      func(request *cache.Request) string { return request.TypeUrl },
		ClassifyDelta: func(request *cache.DeltaRequest) string { return request.TypeUrl },
		Caches:        map[string]cache.Cache{},
	}
	for _, typeURL := range []string{resource.ClusterType, resource.EndpointType, resource.ListenerType, resource.RouteType} {
		linear[typeURL] = cache.NewLinearCache(typeURL)
		whole.Caches[typeURL] = linear[typeURL]
	}
	return mux{whole, linear}
}

func (m mux) cache() cache.Cache { return &m.whole }

// Make before break: clusters with their endpoints first, what names them after.
func (m mux) set(_ string, table table) error {
	all := table.resources()
	for _, typeURL := range []string{resource.ClusterType, resource.EndpointType, resource.ListenerType, resource.RouteType} {
		named := map[string]types.Resource{}
		for _, one := range all[typeURL] {
			named[cache.GetResourceName(one)] = one
		}
		m.linear[typeURL].SetResources(named)
	}
	return nil
}
