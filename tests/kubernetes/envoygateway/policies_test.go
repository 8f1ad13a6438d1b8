package envoygateway

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A way to say who may call: a policy for a route of its own, what a client gets whom it refuses, and the header that it
// lets by.
type guard struct {
	name, policy string
	refused      int
	header       [2]string
}

// A SecurityPolicy for the route of the same name.
func security(name, spec string) string {
	return fmt.Sprintf(`
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: SecurityPolicy
metadata: { name: %[1]s, namespace: default }
spec:
  targetRefs: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, name: %[1]s }]
  %[2]s
`, name, spec)
}

// Every filter of Envoy Gateway that decides who may call.
func guards(t *testing.T) []guard {
	authorizer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("x-let") != "in" {
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	t.Cleanup(authorizer.Close)
	_, port, _ := net.SplitHostPort(authorizer.Listener.Addr().String())
	jwtKey := base64.RawURLEncoding.EncodeToString([]byte("a secret that is long enough for HS256"))
	sum := sha1.Sum([]byte("wonderland"))
	return []guard{
		{"authorization", security("authorization", "authorization: { defaultAction: Deny, rules: [{ action: Allow, principal: { headers: [{ name: x-let, values: [in] }] } }] }"),
			403, [2]string{"x-let", "in"}},
		{"basic", security("basic", "basicAuth: { users: { name: basic } }") + "---\n" +
			secret("basic", ".htpasswd", "alice:{SHA}"+base64.StdEncoding.EncodeToString(sum[:])),
			401, [2]string{"authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("alice:wonderland"))}},
		{"apikey", security("apikey", "apiKeyAuth: { credentialRefs: [{ name: apikey }], extractFrom: [{ headers: [x-api-key] }] }") + "---\n" +
			secret("apikey", "client", "let-me-in"),
			401, [2]string{"x-api-key", "let-me-in"}},
		{"jwt", security("jwt", fmt.Sprintf(`jwt: { providers: [{ name: test, localJWKS: { type: Inline, inline: '{"keys":[{"kty":"oct","alg":"HS256","k":"%s"}]}' } }] }`, jwtKey)),
			401, [2]string{"authorization", "Bearer " + token(jwtKey)}},
		{"extauth", security("extauth", "extAuth: { headersToExtAuth: [x-let], http: { backendRefs: [{ group: gateway.envoyproxy.io, kind: Backend, name: authorizer }] } }") +
			"---\napiVersion: gateway.envoyproxy.io/v1alpha1\nkind: Backend\nmetadata: { name: authorizer, namespace: default }\nspec: { endpoints: [{ ip: { address: 127.0.0.1, port: " + port + " } }] }\n",
			403, [2]string{"x-let", "in"}},
		{"oidc", security("oidc", "oidc: { provider: { issuer: 'https://issuer.example', authorizationEndpoint: 'https://issuer.example/auth', tokenEndpoint: 'https://issuer.example/token' }, clientID: test, clientSecret: { name: oidc } }") + "---\n" +
			secret("oidc", "client-secret", "secret") + "---\n" +
			strings.Replace(secret("envoy-oidc-hmac", "hmac-secret", strings.Repeat("k", 32)), "namespace: default", "namespace: envoy-gateway-system", 1),
			302, [2]string{}},
	}
}

// A token that the test's key has signed.
func token(key string) string {
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(`{"alg":"HS256"}`)) + "." + encode([]byte(`{"sub":"alice"}`))
	secret, _ := base64.RawURLEncoding.DecodeString(key)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(signed))
	return signed + "." + encode(mac.Sum(nil))
}
