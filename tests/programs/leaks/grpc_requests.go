// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"sync"
	"time"
)

// A server as of gRPC: it knows its services as interfaces. One of them keeps of each request the
// names of resources, as they were decoded.
type discoveryRequest struct {
	node          string
	resourceNames []string
	typeURL       string
}

type rpcServer struct {
	mutex    sync.Mutex
	services map[string]*rpcService
	incoming chan *discoveryRequest
	answered chan int
}

type rpcService struct {
	serviceImpl interface{}
	methods     map[string]func(service interface{}, request *discoveryRequest) int
}

type discoveryServer struct {
	mutex   sync.Mutex
	watched map[string][]string
	pushes  []*discoveryRequest
	healthy bool
}

//go:noinline
func decodeRequest(number int) *discoveryRequest {
	request := &discoveryRequest{node: name("sidecar", number), typeURL: "type.googleapis.com/Endpoint"}
	for i := 0; i < 8; i++ {
		request.resourceNames = append(request.resourceNames, name("outbound|80||service.default", i))
	}
	return request
}

//go:noinline
func (d *discoveryServer) stream(request *discoveryRequest) int {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.watched["sidecar"] = request.resourceNames
	d.pushes = append(d.pushes, request)
	if d.healthy && len(d.pushes) > 8 {
		d.pushes = append([]*discoveryRequest(nil), d.pushes[1:]...)
	}
	return len(d.pushes)
}

func handleStream(service interface{}, request *discoveryRequest) int {
	return service.(*discoveryServer).stream(request)
}

//go:noinline
func (s *rpcServer) serve() {
	for request := range s.incoming {
		service := s.services["discovery"]
		s.answered <- service.methods["Stream"](service.serviceImpl, request)
	}
}

//go:noinline
func grpcRequests(healthy bool) {
	discovery := &discoveryServer{watched: map[string][]string{}, healthy: healthy}
	methods := map[string]func(interface{}, *discoveryRequest) int{"Stream": handleStream}
	server := &rpcServer{
		services: map[string]*rpcService{"discovery": {discovery, methods}},
		incoming: make(chan *discoveryRequest),
		answered: make(chan int),
	}
	go server.serve()
	for i := 0; i < 8000; i++ {
		server.incoming <- decodeRequest(i)
		<-server.answered
	}
	go server.keepAlive()
}

// What looks after connections holds the server as well.
//
//go:noinline
func (s *rpcServer) keepAlive() {
	for range time.NewTicker(time.Hour).C {
		s.mutex.Lock()
		if s.services == nil {
			return
		}
		s.mutex.Unlock()
	}
}
