// A client of grpc-go that finds its servers by xDS.
//
// Its argument is the target. For each line of its standard input, a number of calls, it says on its standard output how
// often which server answered, as a JSON object.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	_ "google.golang.org/grpc/xds"
)

// Messages are bytes: no code has to be generated.
type raw struct{}

func (raw) Name() string                        { return "raw" }
func (raw) Marshal(message any) ([]byte, error) { return *message.(*[]byte), nil }
func (raw) Unmarshal(data []byte, message any) error {
	*message.(*[]byte) = data
	return nil
}

func main() {
	channel, err := grpc.NewClient(os.Args[1],
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(raw{})))
	if err != nil {
		log.Fatal(err)
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		calls, err := strconv.Atoi(lines.Text())
		if err != nil {
			log.Fatal(err)
		}
		seen := map[string]int{}
		for range calls {
			seen[call(channel)]++
		}
		if err := json.NewEncoder(os.Stdout).Encode(seen); err != nil {
			log.Fatal(err)
		}
	}
}

// Who answered, or the error.
func call(channel *grpc.ClientConn) string {
	patience, done := context.WithTimeout(context.Background(), 5*time.Second)
	defer done()
	request, reply := []byte{}, []byte{}
	if err := channel.Invoke(patience, "/echo.Echo/Name", &request, &reply); err != nil {
		return fmt.Sprintf("error: %s: %s", status.Code(err), status.Convert(err).Message())
	}
	return string(reply)
}
