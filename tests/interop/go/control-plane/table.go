package main

import (
	"net/netip"
	"time"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpoint "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	router "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// What the tests vary.
type table struct {
	// The address that the one listener binds.
	Listener string
	// The endpoints of each cluster.
	Clusters map[string][]string
	// Of the clusters that the route of the host `shop` names. Any other host leads to the cluster of its name.
	Weights map[string]uint32
	// A cluster of a type that a proxy without transparent interception cannot serve; it and its host are named so. None if
	// empty.
	Refused string
}

const name = "edge"

func (t table) resources() map[resource.Type][]types.Resource {
	all := map[resource.Type][]types.Resource{
		resource.ListenerType: {t.listener()},
		resource.RouteType:    {t.routes()},
	}
	for name, endpoints := range t.Clusters {
		all[resource.ClusterType] = append(all[resource.ClusterType], eds(name))
		all[resource.EndpointType] = append(all[resource.EndpointType], assignment(name, endpoints))
	}
	if t.Refused != "" {
		all[resource.ClusterType] = append(all[resource.ClusterType], originalDestination(t.Refused))
	}
	return all
}

func (t table) listener() *listener.Listener {
	manager := &hcm.HttpConnectionManager{
		StatPrefix:     name,
		RouteSpecifier: &hcm.HttpConnectionManager_Rds{Rds: &hcm.Rds{ConfigSource: ads(), RouteConfigName: name}},
		StripPortMode:  &hcm.HttpConnectionManager_StripAnyHostPort{StripAnyHostPort: true},
		HttpFilters: []*hcm.HttpFilter{{
			Name:       "envoy.filters.http.router",
			ConfigType: &hcm.HttpFilter_TypedConfig{TypedConfig: packed(&router.Router{})},
		}},
	}
	return &listener.Listener{
		Name:    name,
		Address: socket(t.Listener),
		FilterChains: []*listener.FilterChain{{Filters: []*listener.Filter{{
			Name:       "envoy.filters.network.http_connection_manager",
			ConfigType: &listener.Filter_TypedConfig{TypedConfig: packed(manager)},
		}}}},
	}
}

func (t table) routes() *route.RouteConfiguration {
	weighted := &route.WeightedCluster{}
	for name, weight := range t.Weights {
		one := &route.WeightedCluster_ClusterWeight{Name: name, Weight: wrapperspb.UInt32(weight)}
		weighted.Clusters = append(weighted.Clusters, one)
	}
	hosts := []*route.VirtualHost{
		host("shop", &route.RouteAction{
			ClusterSpecifier: &route.RouteAction_WeightedClusters{WeightedClusters: weighted},
		}),
		host("*", &route.RouteAction{
			ClusterSpecifier: &route.RouteAction_ClusterHeader{ClusterHeader: ":authority"},
		}),
	}
	if t.Refused != "" {
		only := &route.RouteAction{ClusterSpecifier: &route.RouteAction_Cluster{Cluster: t.Refused}}
		hosts = append(hosts, host(t.Refused, only))
	}
	return &route.RouteConfiguration{Name: name, VirtualHosts: hosts}
}

func host(domain string, action *route.RouteAction) *route.VirtualHost {
	return &route.VirtualHost{
		Name:    domain,
		Domains: []string{domain},
		Routes: []*route.Route{{
			Match:  &route.RouteMatch{PathSpecifier: &route.RouteMatch_Prefix{Prefix: "/"}},
			Action: &route.Route_Route{Route: action},
		}},
	}
}

func eds(name string) *cluster.Cluster {
	return &cluster.Cluster{
		Name:                 name,
		ClusterDiscoveryType: &cluster.Cluster_Type{Type: cluster.Cluster_EDS},
		EdsClusterConfig:     &cluster.Cluster_EdsClusterConfig{EdsConfig: ads()},
		ConnectTimeout:       durationpb.New(time.Second),
	}
}

func originalDestination(name string) *cluster.Cluster {
	return &cluster.Cluster{
		Name:                 name,
		ClusterDiscoveryType: &cluster.Cluster_Type{Type: cluster.Cluster_ORIGINAL_DST},
		LbPolicy:             cluster.Cluster_CLUSTER_PROVIDED,
	}
}

func assignment(name string, addresses []string) *endpoint.ClusterLoadAssignment {
	locality := &endpoint.LocalityLbEndpoints{
		Locality:            &core.Locality{Zone: "a"},
		LoadBalancingWeight: wrapperspb.UInt32(1),
	}
	for _, address := range addresses {
		locality.LbEndpoints = append(locality.LbEndpoints, &endpoint.LbEndpoint{
			HostIdentifier: &endpoint.LbEndpoint_Endpoint{Endpoint: &endpoint.Endpoint{Address: socket(address)}},
		})
	}
	return &endpoint.ClusterLoadAssignment{ClusterName: name, Endpoints: []*endpoint.LocalityLbEndpoints{locality}}
}

func socket(address string) *core.Address {
	at := netip.MustParseAddrPort(address)
	return &core.Address{Address: &core.Address_SocketAddress{SocketAddress: &core.SocketAddress{
		Address:       at.Addr().String(),
		PortSpecifier: &core.SocketAddress_PortValue{PortValue: uint32(at.Port())},
	}}}
}

func ads() *core.ConfigSource {
	return &core.ConfigSource{
		ResourceApiVersion:    core.ApiVersion_V3,
		ConfigSourceSpecifier: &core.ConfigSource_Ads{Ads: &core.AggregatedConfigSource{}},
	}
}

func packed(message proto.Message) *anypb.Any {
	packed, err := anypb.New(message)
	if err != nil {
		panic(err)
	}
	return packed
}
