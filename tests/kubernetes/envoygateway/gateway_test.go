// Package envoygateway runs envoy/envoy-gateway.yaml on the real Envoy Gateway, in its standalone mode: it reads resources
// from files and starts a real Envoy on this host.
package envoygateway

import (
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"openwhisk-filter-kubernetes-test/bed"
)

// The standalone mode as a configuration of Envoy Gateway.
const standalone = `
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyGateway
gateway:
  controllerName: gateway.envoyproxy.io/gatewayclass-controller
provider:
  type: Custom
  custom:
    resource: { type: File, file: { paths: [RUN/resources] } }
    infrastructure:
      type: Host
      host: { configHome: RUN/config, dataHome: RUN/data, stateHome: RUN/state, runtimeDir: RUN/run }
logging:
  level: { default: info }
# There is no such service: whoever asks it is refused.
rateLimit:
  failClosed: true
  backend: { type: Redis, redis: { url: "localhost:1" } }
extensionApis:
  enableBackend: true
  enableEnvoyPatchPolicy: true
  enableLua: true
`

// Only for the standalone mode: the cluster from which Envoy fetches the filter is written for Kubernetes, with a name of
// a service and another authority.
const codeServer = `
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyPatchPolicy
metadata: { name: standalone, namespace: default }
spec:
  targetRef: { group: gateway.networking.k8s.io, kind: Gateway, name: demo }
  type: JSONPatch
  jsonPatches:
    - type: type.googleapis.com/envoy.config.cluster.v3.Cluster
      name: wasm_cluster
      operation:
        op: replace
        path: /load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address/address
        value: 127.0.0.1
    - type: type.googleapis.com/envoy.config.cluster.v3.Cluster
      name: wasm_cluster
      operation:
        op: replace
        path: /transport_socket/typed_config/common_tls_context/validation_context/trusted_ca/filename
        value: RUN/config/certs/envoy/ca.crt
    - type: type.googleapis.com/envoy.config.cluster.v3.Cluster
      name: wasm_cluster
      operation:
        op: replace
        path: /transport_socket/typed_config/common_tls_context/tls_certificate_sds_secret_configs/0
        value:
          name: xds_certificate
          sds_config: { path_config_source: { path: RUN/config/certs/envoy/xds-certificate.json }, resource_api_version: V3 }
`

// gateway is a running Envoy Gateway with its Envoy.
type gateway struct {
	openwhisk *bed.OpenWhisk
	registry  string
	ca        string
	folder    string
	url       string
	log       bed.Log
}

// prepare starts everything but Envoy Gateway.
func prepare(t *testing.T, actions ...string) *gateway {
	authority := bed.NewAuthority(t)
	g := &gateway{folder: t.TempDir(), ca: authority.PEM, url: fmt.Sprintf("http://127.0.0.1:%d", bed.Port(t))}
	g.openwhisk = bed.NewOpenWhisk(t, authority, actions...)
	g.registry = bed.NewRegistry(t, authority)
	t.Setenv("SSL_CERT_FILE", authority.File)
	return g
}

// start starts Envoy Gateway with these resources.
func (g *gateway) start(t *testing.T, resources ...string) {
	program := bed.Program(t, "ENVOY_GATEWAY", "target/kubernetes/envoy-gateway")
	run := func(text string) string { return strings.ReplaceAll(text, "RUN", g.folder) }
	envoy := filepath.Join(g.folder, "data/envoy-versions/1.40.0/bin")
	bed.Must(t, os.MkdirAll(envoy, 0o755))
	bed.Must(t, os.Symlink(bed.Program(t, "ENVOY", "target/envoy/bin/envoy"), filepath.Join(envoy, "envoy")))
	configuration := filepath.Join(g.folder, "envoy-gateway.yaml")
	bed.Must(t, os.WriteFile(configuration, []byte(run(standalone)), 0o644))
	if out, err := exec.Command(program, "certgen", "--local", "--config-home", run("RUN/config")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	g.write(t, "standalone", run(codeServer))
	g.write(t, "ca", "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ca, namespace: default }\ndata:\n  ca.crt: |\n    "+
		strings.ReplaceAll(g.ca, "\n", "\n    "))
	g.write(t, "manifest", resources...)
	bed.Alone(t, "envoy-gateway")
	g.log = bed.Start(t, exec.Command(program, "server", "--config-path", configuration))
}

// write writes resources for Envoy Gateway, which sees the change.
func (g *gateway) write(t *testing.T, name string, resources ...string) {
	bed.Must(t, os.MkdirAll(filepath.Join(g.folder, "resources"), 0o755))
	file := filepath.Join(g.folder, "resources", name+".yaml")
	temporary := filepath.Join(g.folder, name)
	bed.Must(t, os.WriteFile(temporary, []byte(strings.Join(resources, "\n---\n")), 0o644))
	bed.Must(t, os.Rename(temporary, file))
}

// manifest is the one of the repository, for this host.
func (g *gateway) manifest(t *testing.T, replaced ...string) string {
	return bed.Replace(t, g.here(t, bed.Manifest(t, "envoy-gateway.yaml")), replaced...)
}

// here is a manifest for this host.
func (g *gateway) here(t *testing.T, manifest string) string {
	return bed.Replace(t, g.standalone(t, manifest),
		"hostname: openwhisk.example, port: 443", fmt.Sprintf("hostname: localhost, port: %d", g.openwhisk.Port),
		"wellKnownCACertificates: System", "caCertificateRefs: [{ group: '', kind: ConfigMap, name: ca }]",
	)
}

// standalone is a manifest for this host, but for where OpenWhisk is.
func (g *gateway) standalone(t *testing.T, manifest string) string {
	return bed.Replace(t, manifest,
		"protocol: HTTP, port: 80 }", fmt.Sprintf("protocol: HTTP, port: %s }", g.url[strings.LastIndex(g.url, ":")+1:]),
		bed.Image, g.registry,
		"shutdown:", "provider: { type: Host, host: { envoyVersion: 1.40.0 } }\n  extraArgs: [--use-dynamic-base-id]\n  shutdown:",
	)
}

// secret is a Secret with one entry.
func secret(name, key, value string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: Secret\nmetadata: { name: %s, namespace: default }\ndata: { %s: %s }\n",
		name, key, base64.StdEncoding.EncodeToString([]byte(value)))
}

// key is what the command in the manifest makes.
func key(value string) string { return secret("openwhisk-key", "credential", bed.Basic(value)) }

// get asks for a path.
func (g *gateway) get(path string, headers ...string) bed.Answer {
	return bed.Ask("GET", g.url+path, nil, headers...)
}

// waitFor waits until a path is answered with a status.
func (g *gateway) waitFor(t *testing.T, path string, status int, headers ...string) bed.Answer {
	t.Helper()
	var answer bed.Answer
	bed.Eventually(t, fmt.Sprintf("%s is %d", path, status), func() bool {
		answer = g.get(path, headers...)
		return answer.Status == status
	})
	return answer
}

// admin asks the administration of Envoy.
func (g *gateway) admin(t *testing.T, method, path string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(g.folder, "run/*/admin-address.txt"))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	address, err := os.ReadFile(found[0])
	bed.Must(t, err)
	answer := bed.Ask(method, "http://"+string(address)+path, nil)
	if answer.Status != 200 {
		t.Fatal(answer)
	}
	return answer.Body
}
