// Package istio runs the manifests of envoy/istio.yaml and its variants on Istio's control plane, without Kubernetes: its
// own fake discovery server serves a real agent of Istio, which starts a real Envoy as an ingress gateway.
package istio

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/wrapperspb"
	"istio.io/istio/pilot/pkg/config/kube/crd"
	"istio.io/istio/pilot/pkg/features"
	"istio.io/istio/pilot/test/xds"
	"istio.io/istio/pkg/config/constants"
	"istio.io/istio/pkg/config/mesh"
	"istio.io/istio/pkg/log"
	"istio.io/istio/pkg/test"

	"openwhisk-filter-kubernetes-test/bed"
)

// Istiod tells of its mistakes only.
func TestMain(m *testing.M) {
	options := log.DefaultOptions()
	options.SetDefaultOutputLevel(log.OverrideScopeName, log.ErrorLevel)
	if err := log.Configure(options); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// bench is an istiod and what stands around it.
type bench struct {
	openwhisk *bed.OpenWhisk
	authority *bed.Authority
	registry  string
	folder    string
	port      int
	url       string
	// How long the gateway answers after it was told to end.
	drain string
	// Resources of Kubernetes and its Gateway API.
	kubernetes string
	istiod     *xds.FakeDiscoveryServer
	agent      *exec.Cmd
	log        bed.Log
}

func prepare(t *testing.T, actions ...string) *bench {
	b := &bench{authority: bed.NewAuthority(t), folder: t.TempDir(), port: bed.Port(t), drain: "5s"}
	b.url = fmt.Sprintf("http://127.0.0.1:%d", b.port)
	b.openwhisk = bed.NewOpenWhisk(t, b.authority, actions...)
	b.registry = bed.NewRegistry(t, b.authority)
	b.writeKey(t, bed.Guest)
	return b
}

// writeKey changes the mounted Secret as Kubernetes does: the files are links into a folder, which is replaced.
func (b *bench) writeKey(t *testing.T, key string) {
	mounted := filepath.Join(b.folder, "openwhisk")
	version, err := os.MkdirTemp(b.folder, "version")
	bed.Must(t, err)
	bed.Must(t, os.MkdirAll(mounted, 0o755))
	sds := b.here(bed.Manifest(t, "istio.yaml"))
	_, sds, _ = strings.Cut(sds, "sds.yaml: |\n")
	sds, _, _ = strings.Cut(sds, "\n---")
	bed.Must(t, os.WriteFile(filepath.Join(version, "sds.yaml"), []byte(sds), 0o644))
	bed.Must(t, os.WriteFile(filepath.Join(version, "authorization"), []byte(bed.Basic(key)), 0o600))
	bed.Must(t, os.Symlink(version, filepath.Join(mounted, "..new")))
	bed.Must(t, os.Rename(filepath.Join(mounted, "..new"), filepath.Join(mounted, "..data")))
	for _, name := range []string{"sds.yaml", "authorization"} {
		if _, err := os.Lstat(filepath.Join(mounted, name)); err != nil {
			bed.Must(t, os.Symlink(filepath.Join("..data", name), filepath.Join(mounted, name)))
		}
	}
}

// The paths of the pod are here in a folder of the test.
func (b *bench) here(text string) string {
	return strings.ReplaceAll(text, "/etc/openwhisk", filepath.Join(b.folder, "openwhisk"))
}

// manifest is a file of the repository, for this host.
func (b *bench) manifest(t *testing.T, name string, replaced ...string) string {
	return bed.Replace(t, b.local(t, bed.Manifest(t, name)), replaced...)
}

// local is a manifest for this host.
func (b *bench) local(t *testing.T, manifest string) string {
	return bed.Replace(t, b.here(manifest),
		"resolution: DNS\n", fmt.Sprintf("resolution: DNS\n  endpoints: [{ address: localhost, ports: { https: %d } }]\n", b.openwhisk.Port),
		"subjectAltNames: [openwhisk.example]", "subjectAltNames: [openwhisk.example]\n          caCertificates: "+b.authority.File,
		bed.Image, b.registry,
		"number: 80,", fmt.Sprintf("number: %d,", b.port),
	)
}

// What Istio reads, which are not the resources of Kubernetes itself.
func ofIstio(resources ...string) string {
	var known []string
	for _, resource := range strings.Split(strings.Join(resources, "\n---\n"), "\n---\n") {
		if !strings.Contains(resource, "\nkind: ConfigMap\n") {
			known = append(known, resource)
		}
	}
	return strings.Join(known, "\n---\n")
}

// start starts istiod with these resources.
func (b *bench) start(t *testing.T, resources ...string) {
	test.SetForTest(t, &features.MetadataExchange, false)
	test.SetForTest(t, &features.ALPNFilter, false)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	bed.Must(t, err)
	configuration := mesh.DefaultMeshConfig()
	// No certificates of workloads here.
	configuration.EnableAutoMtls = wrapperspb.Bool(false)
	b.istiod = xds.NewFakeDiscoveryServer(t, xds.FakeOptions{
		MeshConfig:             configuration,
		ConfigString:           ofIstio(resources...),
		KubernetesObjectString: b.kubernetes,
		ListenerBuilder:        func() (net.Listener, error) { return listener, nil },
	})
	cache(t)
	b.agent = exec.Command(bed.Program(t, "PILOT_AGENT", "target/kubernetes/pilot-agent"), "proxy", "router",
		"--domain", "istio-system.svc.cluster.local", "--templateFile", bootstrap(t), "--concurrency", "2")
	b.agent.Dir = b.folder
	b.agent.Env = append(os.Environ(),
		"SSL_CERT_FILE="+b.authority.File, "POD_NAME=gateway", "POD_NAMESPACE=istio-system", "INSTANCE_IP=127.0.0.1",
		`ISTIO_METAJSON_LABELS={"istio":"ingressgateway","gateway.networking.k8s.io/gateway-name":"demo"}`,
		"ISTIO_META_CLUSTER_ID=Kubernetes", "FILE_MOUNTED_CERTS=true",
		fmt.Sprintf(`PROXY_CONFIG={"discoveryAddress":"%s","controlPlaneAuthPolicy":"NONE","terminationDrainDuration":"%s","binaryPath":"%s","configPath":"%s"}`,
			listener.Addr(), b.drain, bed.Program(t, "ENVOY", "target/envoy/bin/envoy"), filepath.Join(b.folder, "proxy")))
	bed.Alone(t, "istio")
	b.log = bed.Start(t, b.agent)
}

// The bootstrap configuration of Istio's images.
func bootstrap(t *testing.T) string {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "istio.io/istio").Output()
	bed.Must(t, err)
	return filepath.Join(strings.TrimSpace(string(out)), "tools/packaging/common/envoy_bootstrap.json")
}

// The agent keeps images in a folder whose name is a constant. It is removed again unless it was there before.
//
// Source: istio/istio `pkg/config/constants/constants.go`, `IstioDataDir`
func cache(t *testing.T) {
	if _, err := os.Stat(constants.IstioDataDir); err == nil {
		return
	}
	if err := os.MkdirAll(constants.IstioDataDir, 0o755); err != nil {
		t.Fatalf("%v: Istio's agent needs this folder: make it, and let this user write there", err)
	}
	t.Cleanup(func() { os.RemoveAll(constants.IstioDataDir) })
}

// update changes resources, or adds them.
func (b *bench) update(t *testing.T, resources ...string) {
	configurations, _, err := crd.ParseInputs(ofIstio(resources...))
	bed.Must(t, err)
	for _, c := range configurations {
		if old := b.istiod.Store().Get(c.GroupVersionKind, c.Name, c.Namespace); old == nil {
			_, err = b.istiod.Store().Create(c)
		} else {
			c.ResourceVersion = old.ResourceVersion
			_, err = b.istiod.Store().Update(c)
		}
		bed.Must(t, err)
	}
}

// get asks for a path.
func (b *bench) get(path string, headers ...string) bed.Answer {
	return bed.Ask("GET", b.url+path, nil, headers...)
}

// waitFor waits until a path is answered with a status.
func (b *bench) waitFor(t *testing.T, path string, status int, headers ...string) {
	t.Helper()
	bed.Eventually(t, fmt.Sprintf("%s is %d", path, status), func() bool { return b.get(path, headers...).Status == status })
}
