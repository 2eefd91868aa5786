// A control plane that others wrote: the server, the caches and the types of go-control-plane.
//
// Reads tables from its standard input, a line of JSON each, and serves the newest. Says on its standard output, again a
// line of JSON each, where it listens and what it is asked.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"os"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func main() {
	address := flag.String("listen", "127.0.0.1:0", "where to listen")
	kind := flag.String("cache", "simple", "simple: one snapshot for each node; mux: a linear cache for each type")
	delta := flag.Bool("delta", true, "whether the delta stream is there at all")
	flag.Parse()

	var tables caches
	switch *kind {
	case "simple":
		tables = newSimple()
	case "mux":
		tables = newMux()
	default:
		log.Fatalf("no such cache: %s", *kind)
	}

	listener, err := net.Listen("tcp", *address)
	if err != nil {
		log.Fatal(err)
	}
	say(map[string]any{"event": "listening", "address": listener.Addr().String()})

	ads := grpc.NewServer()
	discovery.RegisterAggregatedDiscoveryServiceServer(ads, newService(tables.cache(), *delta))
	go func() { log.Fatal(ads.Serve(listener)) }()

	lines := bufio.NewScanner(os.Stdin)
	for version := 1; lines.Scan(); version++ {
		var table table
		if err := json.Unmarshal(lines.Bytes(), &table); err != nil {
			log.Fatal(err)
		}
		if err := tables.set(fmt.Sprint(version), table); err != nil {
			log.Fatal(err)
		}
		say(map[string]any{"event": "set", "version": version})
	}
}

// Answers as the server of go-control-plane does; without delta as a server that has never heard of it.
type service struct {
	server.Server
	delta bool
}

func newService(from cache.Cache, delta bool) discovery.AggregatedDiscoveryServiceServer {
	return service{server.NewServer(context.Background(), from, witness()), delta}
}

func (s service) DeltaAggregatedResources(stream discovery.AggregatedDiscoveryService_DeltaAggregatedResourcesServer) error {
	if !s.delta {
		return status.Error(codes.Unimplemented, "method DeltaAggregatedResources not implemented")
	}
	return s.Server.DeltaAggregatedResources(stream)
}
