package bed

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// NewRegistry starts a registry behind TLS, which has the filter as envoy/Dockerfile makes it, and returns the address of
// the image there. The same image, but in an index for arm64 only, has the tag `arm64`.
func NewRegistry(t *testing.T, authority *Authority) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	Must(t, err)
	server := &http.Server{
		Handler:   registry.New(registry.Logger(silent)),
		ErrorLog:  silent,
		TLSConfig: authority.Server(t, "localhost"),
	}
	go server.ServeTLS(listener, "", "")
	t.Cleanup(func() { server.Close() })

	wasm, err := os.ReadFile(Program(t, "OPENWHISK_FILTER_WASM", "target/wasm32-wasip1/release/openwhisk_filter.wasm"))
	Must(t, err)
	var layer bytes.Buffer
	writer := tar.NewWriter(&layer)
	Must(t, writer.WriteHeader(&tar.Header{Name: "plugin.wasm", Mode: 0o644, Size: int64(len(wasm))}))
	_, err = writer.Write(wasm)
	Must(t, err)
	Must(t, writer.Close())
	opened, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(layer.Bytes())), nil })
	Must(t, err)
	image, err := mutate.AppendLayers(empty.Image, opened)
	Must(t, err)

	transport := remote.WithTransport(authority.Client())
	address := fmt.Sprintf("localhost:%d/openwhisk-filter:0.1.0", listener.Addr().(*net.TCPAddr).Port)
	tag, err := name.NewTag(address)
	Must(t, err)
	Must(t, remote.Write(tag, image, transport))
	index := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{
		Add:        image,
		Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "arm64"}},
	})
	Must(t, remote.WriteIndex(tag.Context().Tag("arm64"), index, transport))
	return address
}
