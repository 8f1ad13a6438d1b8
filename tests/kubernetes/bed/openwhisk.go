package bed

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// Guest is the key that the OpenWhisk of the tests knows.
const Guest = "23bc46b1-71f6-4ed5-8c54-816aa4f8c502:123zO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP"

// Stranger is a key that it does not know.
const Stranger = "aaaaaaaa-71f6-4ed5-8c54-816aa4f8c502:wrong"

// OpenWhisk is the local one of this repository behind TLS, as `openwhisk.example`.
type OpenWhisk struct {
	Port  int
	mutex sync.Mutex
	calls []Call
	open  int
}

// Call is a request that reached OpenWhisk.
type Call struct {
	Method, Path, Authorization string
	Status                      int
}

// Basic is a key as a header's value.
func Basic(key string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(key)) }

// NewOpenWhisk starts one with these actions: name and source, name and source.
func NewOpenWhisk(t *testing.T, authority *Authority, actions ...string) *OpenWhisk {
	log := Start(t, exec.Command(Program(t, "OPENWHISK_LOCAL", "target/release/openwhisk-local"), "--listen", "127.0.0.1:0"))
	var address string
	Eventually(t, "openwhisk-local listens", func() bool {
		_, rest, found := strings.Cut(log.Read(), "listens on ")
		address, _, _ = strings.Cut(rest, "\n")
		return found && address != ""
	})
	for i := 0; i < len(actions); i += 2 {
		source, err := json.Marshal(actions[i+1])
		Must(t, err)
		action := fmt.Sprintf(`{"exec":{"kind":"nodejs:default","code":%s}}`, source)
		answer := Ask("PUT", address+"/api/v1/namespaces/guest/actions/"+actions[i], strings.NewReader(action),
			"authorization", Basic(Guest), "content-type", "application/json")
		if answer.Status != 200 {
			t.Fatal(answer)
		}
	}
	target, err := url.Parse(address)
	Must(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	Must(t, err)
	openwhisk := &OpenWhisk{Port: listener.Addr().(*net.TCPAddr).Port}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ModifyResponse = func(response *http.Response) error {
		request := response.Request
		openwhisk.mutex.Lock()
		defer openwhisk.mutex.Unlock()
		openwhisk.calls = append(openwhisk.calls,
			Call{request.Method, request.URL.Path, request.Header.Get("authorization"), response.StatusCode})
		return nil
	}
	counted := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		openwhisk.count(1)
		defer openwhisk.count(-1)
		proxy.ServeHTTP(w, r)
	})
	server := &http.Server{Handler: counted, TLSConfig: authority.Server(t, "openwhisk.example"), ErrorLog: silent}
	go server.ServeTLS(listener, "", "")
	t.Cleanup(func() { server.Close() })
	return openwhisk
}

// Calls are all requests that have reached it, and were answered.
func (o *OpenWhisk) Calls() []Call {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return append([]Call(nil), o.calls...)
}

// Open is how many requests are not answered yet.
func (o *OpenWhisk) Open() int { return o.count(0) }

func (o *OpenWhisk) count(more int) int {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.open += more
	return o.open
}
