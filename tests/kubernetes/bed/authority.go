package bed

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Authority signs the certificates of a test.
type Authority struct {
	// PEM is its own certificate, File a file with it.
	PEM, File   string
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// NewAuthority makes an authority whom nobody else trusts.
func NewAuthority(t *testing.T) *Authority {
	a := &Authority{File: filepath.Join(t.TempDir(), "ca.crt")}
	a.certificate = &x509.Certificate{Subject: pkix.Name{CommonName: "authority of the tests"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, key := a.sign(t, a.certificate)
	var err error
	a.certificate, err = x509.ParseCertificate(der)
	Must(t, err)
	a.key = key
	a.PEM = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	Must(t, os.WriteFile(a.File, []byte(a.PEM), 0o644))
	return a
}

// Server is the TLS of a server with these names.
func (a *Authority) Server(t *testing.T, names ...string) *tls.Config {
	der, key := a.sign(t, &x509.Certificate{Subject: pkix.Name{CommonName: names[0]}, DNSNames: names, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

func (a *Authority) sign(t *testing.T, certificate *x509.Certificate) ([]byte, *ecdsa.PrivateKey) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	Must(t, err)
	certificate.SerialNumber = big.NewInt(time.Now().UnixNano())
	certificate.NotBefore, certificate.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	parent, signer := a.certificate, a.key
	if signer == nil {
		parent, signer = certificate, key
	}
	der, err := x509.CreateCertificate(rand.Reader, certificate, parent, key.Public(), signer)
	Must(t, err)
	return der, key
}

// Client trusts the servers of this authority.
func (a *Authority) Client() *http.Transport {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
}
