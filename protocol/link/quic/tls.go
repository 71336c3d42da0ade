package quiclink

import (
	"crypto/tls"
	"encoding/hex"

	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// ALPN is the application protocol of a network: "zms/1/" and its four bytes in
// hex. So gateways of different networks have no protocol in common and fail in
// the handshake.
func ALPN(n key.Network) string { return "zms/1/" + hex.EncodeToString(n[:]) }

// alertNoCommonALPN is QUIC's code for the TLS alert no_application_protocol
// (RFC 9001 section 4.8, RFC 7301 section 3.2).
const alertNoCommonALPN = 0x100 + 120

// clientTLS is the dialling side's configuration for one gateway: the pin replaces
// the web's certificate authorities. The server's certificate comes first in the
// handshake, so whoever is not the pinned gateway never sees own.
func clientTLS(pin []byte, own tls.Certificate, alpn string) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		ServerName:         link.SNI,
		NextProtos:         []string{alpn},
		Certificates:       []tls.Certificate{own},
		InsecureSkipVerify: true, // VerifyConnection decides
		VerifyConnection: func(s tls.ConnectionState) error {
			node, err := link.NodeOf(s.PeerCertificates)
			if err != nil {
				return err
			}
			if !link.Pinned(node, pin) {
				return wire.ErrWrongNode
			}
			return nil
		},
	}
}

// serverTLS is the listening side's configuration. Who dials is a gateway and shows
// its certificate.
func serverTLS(own tls.Certificate, alpn string) *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		NextProtos:             []string{alpn},
		SessionTicketsDisabled: true,
		ClientAuth:             tls.RequireAnyClientCert,
		// No certificate means the alert unrecognized_name: the node's one answers
		// its own name only.
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if hello.ServerName != link.SNI {
				return nil, nil
			}
			return &own, nil
		},
		VerifyConnection: func(s tls.ConnectionState) error {
			_, err := link.NodeOf(s.PeerCertificates)
			return err
		},
	}
}
