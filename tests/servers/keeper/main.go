// SPDX-License-Identifier: BSD-2-Clause

// A service of google.golang.org/grpc that keeps what it is given: Put adds a request to those of a
// tenant, Watch is a stream that stays open and remembers what it sent. Run as `keeper ADDRESS`, it
// serves there, and what Go says of its memory one port above; run as `keeper ADDRESS load`, it is
// clients: a hundred connections of eight streams each, and a call every two milliseconds.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const (
	connections = 100
	streams     = 8
	tenants     = 50
	kept        = 40000 // requests, of which no more are kept: what is measured at rest stands still
)

type watcher struct {
	stream grpc.ServerStream
	topic  string
	sent   []*structpb.Struct
}

type keeper struct {
	mutex    sync.Mutex
	requests map[string][]*structpb.Struct
	count    int
	watchers map[int]*watcher
	next     int
}

func (k *keeper) put(request *structpb.Struct) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if k.count == kept {
		return
	}
	k.count++
	tenant := request.Fields["tenant"].GetStringValue()
	k.requests[tenant] = append(k.requests[tenant], request)
}

func (k *keeper) watch(topic string, stream grpc.ServerStream) error {
	k.mutex.Lock()
	k.next++
	number := k.next
	w := &watcher{stream: stream, topic: topic}
	k.watchers[number] = w
	k.mutex.Unlock()
	defer func() {
		k.mutex.Lock()
		delete(k.watchers, number)
		k.mutex.Unlock()
	}()
	for i := 0; i < 4; i++ {
		event := request(i)
		w.sent = append(w.sent, event)
		if err := stream.SendMsg(event); err != nil {
			return err
		}
	}
	<-stream.Context().Done()
	return stream.Context().Err()
}

func handlePut(service any, ctx context.Context, decode func(any) error,
	intercept grpc.UnaryServerInterceptor) (any, error) {
	message := new(structpb.Struct)
	if err := decode(message); err != nil {
		return nil, err
	}
	service.(*keeper).put(message)
	return wrapperspb.Bool(true), nil
}

func handleWatch(service any, stream grpc.ServerStream) error {
	topic := new(wrapperspb.StringValue)
	if err := stream.RecvMsg(topic); err != nil {
		return err
	}
	return service.(*keeper).watch(topic.Value, stream)
}

var description = grpc.ServiceDesc{
	ServiceName: "keeper.Keeper",
	HandlerType: (*any)(nil),
	Methods:     []grpc.MethodDesc{{MethodName: "Put", Handler: handlePut}},
	Streams:     []grpc.StreamDesc{{StreamName: "Watch", Handler: handleWatch, ServerStreams: true}},
}

func request(i int) *structpb.Struct {
	made, err := structpb.NewStruct(map[string]any{
		"tenant": "tenant-" + strconv.Itoa(i%tenants),
		"path":   fmt.Sprintf("/objects/%08d", i),
		"size":   float64(i),
	})
	if err != nil {
		log.Fatal(err)
	}
	return made
}

// What Go says, as Prometheus' client names it.
func metrics(answer http.ResponseWriter, _ *http.Request) {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	fmt.Fprintf(answer, "go_memstats_heap_alloc_bytes %d\n", stats.HeapAlloc)
	fmt.Fprintf(answer, "go_memstats_heap_objects %d\n", stats.HeapObjects)
}

func collect(http.ResponseWriter, *http.Request) {
	runtime.GC()
}

func serve(address string) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		log.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/metrics", metrics)
	http.HandleFunc("/collect", collect)
	go func() {
		log.Fatal(http.ListenAndServe(net.JoinHostPort(host, strconv.Itoa(number+1)), nil))
	}()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer()
	server.RegisterService(&description, &keeper{
		requests: make(map[string][]*structpb.Struct),
		watchers: make(map[int]*watcher),
	})
	log.Fatal(server.Serve(listener))
}

func watch(connection *grpc.ClientConn, topic string) {
	stream, err := connection.NewStream(context.Background(), &description.Streams[0], "/keeper.Keeper/Watch")
	if err == nil {
		err = stream.SendMsg(wrapperspb.String(topic))
	}
	if err == nil {
		err = stream.CloseSend()
	}
	for err == nil {
		err = stream.RecvMsg(new(structpb.Struct))
	}
	log.Fatal(err)
}

func load(address string) {
	var clients []*grpc.ClientConn
	for i := 0; i < connections; i++ {
		connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			log.Fatal(err)
		}
		clients = append(clients, connection)
		for j := 0; j < streams; j++ {
			go watch(connection, fmt.Sprintf("topic-%d-%d", i, j))
		}
	}
	for i := 0; ; i++ {
		var done wrapperspb.BoolValue
		if err := clients[i%connections].Invoke(context.Background(), "/keeper.Keeper/Put", request(i), &done); err != nil {
			log.Fatal(err)
		}
		if i == kept/2 {
			fmt.Println("READY")
		}
		if i >= kept/2 {
			time.Sleep(2 * time.Millisecond)
		}
	}
}

func main() {
	if len(os.Args) == 3 && os.Args[2] == "load" {
		load(os.Args[1])
	}
	serve(os.Args[1])
}
