package main

import (
	"encoding/json"
	"os"
	"strings"
	"sync"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	rpc "google.golang.org/genproto/googleapis/rpc/status"
)

var output sync.Mutex

// Says one thing: a line of JSON.
func say(what map[string]any) {
	output.Lock()
	defer output.Unlock()
	// Nobody to tell if the reader is gone.
	_ = json.NewEncoder(os.Stdout).Encode(what)
}

// Tells of every request that arrives.
func witness() server.Callbacks {
	// Only the first request of a stream has to say who asks; streams of each kind are numbered by themselves.
	var sotw, delta sync.Map
	return server.CallbackFuncs{
		StreamRequestFunc: func(stream int64, request *discovery.DiscoveryRequest) error {
			node := whose(&sotw, stream, request.Node)
			tell("sotw", node, request.TypeUrl, request.ResourceNames, request.ResponseNonce, request.ErrorDetail)
			return nil
		},
		StreamDeltaRequestFunc: func(stream int64, request *discovery.DeltaDiscoveryRequest) error {
			node := whose(&delta, stream, request.Node)
			tell("delta", node, request.TypeUrl, request.ResourceNamesSubscribe, request.ResponseNonce, request.ErrorDetail)
			return nil
		},
	}
}

func whose(streams *sync.Map, stream int64, said *core.Node) *core.Node {
	if said != nil {
		streams.Store(stream, said)
		return said
	}
	known, _ := streams.Load(stream)
	node, _ := known.(*core.Node)
	return node
}

func tell(wire string, node *core.Node, typeURL string, names []string, nonce string, refused *rpc.Status) {
	say(map[string]any{
		"event":   "request",
		"wire":    wire,
		"node":    node.GetId(),
		"agent":   node.GetUserAgentName(),
		"type":    typeURL[strings.LastIndex(typeURL, ".")+1:],
		"names":   names,
		"nonce":   nonce,
		"refused": refused.GetMessage(),
	})
}
