package istio

import (
	"strings"
	"testing"

	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/test/xds"

	"openwhisk-filter-kubernetes-test/bed"
)

// A service of Kubernetes with rules of its own namespace.
const service = `
apiVersion: v1
kind: Service
metadata: { name: ow, namespace: functions }
spec:
  clusterIP: 10.0.0.7
  ports: [{ name: https, port: 443 }]
`

const rule = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ow, namespace: functions }
spec: { host: ow.functions.svc.cluster.local, trafficPolicy: { connectionPool: { tcp: { maxConnections: 7 } } } }
`

// The pods of the manifest's gateway.
func gateway(istiod *xds.FakeDiscoveryServer) *model.Proxy {
	labels := map[string]string{"istio": "ingressgateway"}
	return istiod.SetupProxy(&model.Proxy{Type: model.Router, ConfigNamespace: "istio-system", Labels: labels,
		Metadata: &model.NodeMetadata{Namespace: "istio-system", Labels: labels}})
}

const stranger = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: stranger, namespace: elsewhere }
spec:
  hosts: [stranger.example]
  gateways: [istio-system/demo]
  http:
    - name: hello
      route: [{ destination: { host: openwhisk.example, subset: with-key, port: { number: 443 } } }]
`

// A VirtualService in another namespace gets neither the key nor the filter.
func TestAStrangerOnTheGateway(t *testing.T) {
	istiod := xds.NewFakeDiscoveryServer(t, xds.FakeOptions{ConfigString: ofIstio(bed.Manifest(t, "istio.yaml"), stranger)})
	found := 0
	for _, configuration := range istiod.Routes(gateway(istiod)) {
		for _, host := range configuration.VirtualHosts {
			for _, route := range host.Routes {
				found++
				if route.GetRoute().GetCluster() != "outbound|443||openwhisk.example" || host.Domains[0] != "*" {
					t.Error(host)
				}
			}
		}
	}
	if found == 0 {
		t.Error("no route")
	}
}

// What a manifest says of OpenWhisk is for the gateway: other workloads may call it in their own way, and nobody else's rules
// take the cluster with the key away.
func TestOtherWorkloads(t *testing.T) {
	for _, host := range []string{"openwhisk.example", "ow.functions.svc.cluster.local"} {
		t.Run(host, func(t *testing.T) {
			manifest := bed.Written(t, "istio", strings.Replace(bed.AtAnAddress, "192.0.2.7", host, 1))
			for _, rule := range []string{"", rule} {
				istiod := xds.NewFakeDiscoveryServer(t, xds.FakeOptions{
					ConfigString: ofIstio(manifest, rule), KubernetesObjectString: service})
				withKey := false
				for _, cluster := range istiod.Clusters(gateway(istiod)) {
					withKey = withKey || cluster.Name == "outbound|443|with-key|"+host
				}
				if !withKey {
					t.Errorf("the gateway has no cluster with the key: %s", rule)
				}
				workload := istiod.SetupProxy(&model.Proxy{ConfigNamespace: "default"})
				for _, cluster := range istiod.Clusters(workload) {
					if strings.HasSuffix(cluster.Name, "|"+host) && (cluster.TransportSocket != nil || strings.Contains(cluster.Name, "with-key")) {
						t.Errorf("a workload has %v", cluster)
					}
				}
			}
		})
	}
}
