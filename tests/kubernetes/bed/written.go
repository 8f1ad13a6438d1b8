package bed

import (
	"os/exec"
	"strings"
	"testing"
)

// Written is what `openwhisk-envoy --for` writes for a configuration.
func Written(t *testing.T, controlPlane, configuration string, options ...string) string {
	t.Helper()
	program := Program(t, "OPENWHISK_ENVOY", "target/release/openwhisk-envoy")
	command := exec.Command(program, append([]string{"--for", controlPlane}, options...)...)
	command.Stdin = strings.NewReader(configuration)
	manifest, err := command.Output()
	Must(t, err)
	return string(manifest)
}

// Several is a configuration of three routes and two upstreams, which have keys of their own.
const Several = `{
  "api_host": "https://openwhisk.example", "upstream": "near", "service_token": "$ENV://NEAR", "namespace": "guest",
  "action_errors": "hide", "max_concurrency": 100,
  "routes": {
    "hello": { "action": "hello" },
    "Shop Orders": { "action": "orders", "parameters": "http", "path_prefix": "/orders" },
    "far": { "action": "hello", "upstream": "far", "service_token": "$ENV://FAR" }
  }
}`

// AtAnAddress is a configuration of one action for all paths, whose OpenWhisk has no name.
const AtAnAddress = `{
  "api_host": "https://192.0.2.7", "ssl_verify": false, "keepalive": false, "namespace": "guest", "action": "hello",
  "action_errors": "hide", "max_concurrency": 100, "max_req_body_size": 4194304
}`

// SendTooMuch checks that a body above Envoy's own limit reaches OpenWhisk, which refuses it.
func SendTooMuch(t *testing.T, url string, openwhisk *OpenWhisk) {
	t.Helper()
	before := len(openwhisk.Calls())
	body := strings.NewReader(`{"text":"` + strings.Repeat("x", 2<<20) + `"}`)
	answer := Ask("POST", url, body, "content-type", "application/json")
	if calls := openwhisk.Calls(); answer.Status != 413 || len(calls) != before+1 {
		t.Error(answer, calls[before:])
	}
}

// Orders tells the path that it gets.
const Orders = `const main = (params) => ({ body: { path: params.__ow_path } })`

// AskSeveral checks that the routes of Several answer, each with the key of its upstream: that of `far` is the stranger's.
func AskSeveral(t *testing.T, url string, headers ...string) {
	t.Helper()
	for _, c := range []struct {
		path   string
		status int
		body   string
	}{
		{"/hello", 200, `{"hello":{}}`},
		{"/orders/7", 200, `{"path":"/7"}`},
		{"/far", 401, ""},
		{"/elsewhere", 404, ""},
	} {
		var answer Answer
		Eventually(t, c.path, func() bool {
			answer = Ask("GET", url+c.path, nil, headers...)
			return answer.Status == c.status
		})
		if c.body != "" && answer.Body != c.body {
			t.Errorf("%s: %v", c.path, answer)
		}
	}
}
