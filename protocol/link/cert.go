package link

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Certificate is the node's TLS certificate: X.509 v3 with an empty subject,
// serial number 1, the DNS name zms.invalid, valid from 1970 to 9999-12-31
// (RFC 5280 section 4.1.2.5: no expiry), self-signed. Nothing in it is random, so
// one node key always has the same certificate.
func Certificate(node key.NodePrivate) (tls.Certificate, error) {
	private := key.Ed25519(node)
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		NotBefore:             time.Unix(0, 0).UTC(),
		NotAfter:              time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		DNSNames:              []string{SNI},
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, nil
}

// NodeOf returns the node key behind what the other side showed: exactly one
// certificate, of an Ed25519 key that is valid, signed by itself. Names and
// dates count for nothing, the key is pinned. Error: wire.ErrWrongNode.
func NodeOf(shown []*x509.Certificate) (key.NodePublic, error) {
	if len(shown) != 1 {
		return key.NodePublic{}, wire.ErrWrongNode.Because("not exactly one certificate")
	}
	cert := shown[0]
	public, ok := cert.PublicKey.(ed25519.PublicKey)
	if !ok || cert.SignatureAlgorithm != x509.PureEd25519 {
		return key.NodePublic{}, wire.ErrWrongNode.Because("not an Ed25519 certificate")
	}
	node, err := key.ParsePublic[key.Node](public)
	if err != nil {
		return key.NodePublic{}, wire.ErrWrongNode.Because("not a valid key")
	}
	if cert.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature) != nil {
		return key.NodePublic{}, wire.ErrWrongNode.Because("not self-signed")
	}
	return node, nil
}

// clientTLS is the dialling side's configuration: the pin replaces the web's
// certificate authorities. own is the caller's certificate if it is a gateway.
func clientTLS(pin []byte, own *tls.Certificate) *tls.Config {
	c := &tls.Config{
		MinVersion:         tls.VersionTLS13,
		ServerName:         SNI,
		NextProtos:         []string{ALPN},
		InsecureSkipVerify: true, // VerifyConnection decides
		VerifyConnection: func(s tls.ConnectionState) error {
			node, err := NodeOf(s.PeerCertificates)
			if err != nil {
				return err
			}
			if !Pinned(node, pin) {
				return wire.ErrWrongNode
			}
			return nil
		},
	}
	if own != nil {
		c.Certificates = []tls.Certificate{*own}
	}
	return c
}

// serverTLS is the listening side's configuration. A client needs no
// certificate; one that is shown must be a node's.
func serverTLS(own tls.Certificate) *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		NextProtos:             []string{ALPN},
		SessionTicketsDisabled: true,
		// A message counts when all of it is there: small records make no haste.
		DynamicRecordSizingDisabled: true,
		ClientAuth:                  tls.RequestClientCert,
		// No certificate means the alert unrecognized_name: the node's one answers
		// its own name only.
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if hello.ServerName != SNI {
				return nil, nil
			}
			return &own, nil
		},
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 0 {
				return nil
			}
			_, err := NodeOf(s.PeerCertificates)
			return err
		},
	}
}

// Proof is what a TLS connection proves: the exporter, and the other side's
// node key if it showed one.
func Proof(s *tls.ConnectionState) (binding [32]byte, node key.NodePublic, err error) {
	exported, err := s.ExportKeyingMaterial(key.ExporterLogin, nil, len(binding))
	if err != nil {
		return binding, node, err
	}
	copy(binding[:], exported)
	if len(s.PeerCertificates) > 0 {
		node, err = NodeOf(s.PeerCertificates)
	}
	return binding, node, err
}
