package envoygateway

import (
	"strings"
	"testing"

	"openwhisk-filter-kubernetes-test/bed"
)

// Policies for the whole Gateway, which those of the manifest must not replace.
const whole = `
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: { name: whole, namespace: default }
spec:
  targetRefs: [{ group: gateway.networking.k8s.io, kind: Gateway, name: demo }]
  rateLimit: { type: Local, local: { rules: [{ limit: { requests: 3, unit: Hour } }] } }
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: SecurityPolicy
metadata: { name: whole, namespace: default }
spec:
  targetRefs: [{ group: gateway.networking.k8s.io, kind: Gateway, name: demo }]
  authorization: { defaultAction: Deny, rules: [{ action: Allow, principal: { headers: [{ name: x-let, values: [in] }] } }] }
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyExtensionPolicy
metadata: { name: whole, namespace: default }
spec:
  targetRefs: [{ group: gateway.networking.k8s.io, kind: Gateway, name: demo }]
  lua:
    - type: Inline
      inline: |
        function envoy_on_request(handle)
          if handle:headers():get("x-tea") == "pot" then
            handle:respond({[":status"] = "418"}, "")
          end
        end
`

func TestPoliciesOfTheWholeGateway(t *testing.T) {
	g := prepare(t, "hello", hello)
	g.write(t, "key", key(bed.Guest))
	// Envoy Gateway 1.9 or newer.
	g.start(t, bed.Replace(t, g.manifest(t), "  # mergeType: StrategicMerge\n", "  mergeType: StrategicMerge\n"), whole)
	g.waitFor(t, "/hello", 403)
	if answer := g.get("/hello", "x-tea", "pot"); answer.Status != 418 {
		t.Error(answer)
	}
	if calls := g.openwhisk.Calls(); len(calls) != 0 {
		t.Error(calls)
	}
	for _, status := range []int{200, 200, 200, 429, 429} {
		answer := bed.Ask("POST", g.url+"/hello", strings.NewReader(`{"a":1}`), "content-type", "application/json", "x-let", "in")
		if answer.Status != status {
			t.Errorf("not %d: %v", status, answer)
		}
	}
	if calls := g.openwhisk.Calls(); len(calls) != 3 {
		t.Error(calls)
	}
}
