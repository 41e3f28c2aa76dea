// A GET with Go's own rules for client certificates. What to do is read as JSON from stdin; one line of JSON is
// printed: the answer, with the CAs that the server offered and whether the certificate was sent, or {"error": ...}.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

type ask struct {
	URL, CA, Certificate, Key string
}

type answer struct {
	Status        int         `json:"status"`
	Protocol      string      `json:"protocol"`
	TLS           string      `json:"tls"`
	Headers       [][2]string `json:"headers"`
	Body          string      `json:"body"`
	Resumed       bool        `json:"resumed"`
	AcceptableCAs []string    `json:"acceptable_cas"`
	Sent          bool        `json:"sent"`
}

func main() {
	var line any
	line, err := get()
	if err != nil {
		line = map[string]string{"error": err.Error()}
	}
	json.NewEncoder(os.Stdout).Encode(line)
}

func get() (*answer, error) {
	var asked ask
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		return nil, err
	}
	told := &answer{AcceptableCAs: []string{}}
	configuration, err := configure(asked, told)
	if err != nil {
		return nil, err
	}
	client := http.Client{
		Timeout:   10 * time.Second,
		Transport: &http.Transport{TLSClientConfig: configuration, ForceAttemptHTTP2: true},
	}
	response, err := client.Get(asked.URL)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	told.Status = response.StatusCode
	told.Protocol = map[int]string{1: "HTTP/1.1", 2: "HTTP/2"}[response.ProtoMajor]
	told.TLS = map[uint16]string{tls.VersionTLS12: "TLSv1.2", tls.VersionTLS13: "TLSv1.3"}[response.TLS.Version]
	told.Resumed = response.TLS.DidResume
	told.Body = string(body)
	for name, values := range response.Header {
		for _, value := range values {
			told.Headers = append(told.Headers, [2]string{name, value})
		}
	}
	return told, nil
}

func configure(asked ask, told *answer) (*tls.Config, error) {
	roots := x509.NewCertPool()
	pem, err := os.ReadFile(asked.CA)
	if err != nil {
		return nil, err
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("no certificate in %s", asked.CA)
	}
	own := []tls.Certificate{}
	if asked.Certificate != "" {
		identity, err := tls.LoadX509KeyPair(asked.Certificate, asked.Key)
		if err != nil {
			return nil, err
		}
		own = append(own, identity)
	}
	// The same choice that tls.Config.Certificates makes, but one that can be watched.
	choose := func(request *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		for _, der := range request.AcceptableCAs {
			told.AcceptableCAs = append(told.AcceptableCAs, name(der))
		}
		for n := range own {
			if request.SupportsCertificate(&own[n]) == nil {
				told.Sent = true
				return &own[n], nil
			}
		}
		return &tls.Certificate{}, nil
	}
	return &tls.Config{RootCAs: roots, GetClientCertificate: choose}, nil
}

func name(der []byte) string {
	var sequence pkix.RDNSequence
	if _, err := asn1.Unmarshal(der, &sequence); err != nil {
		return fmt.Sprintf("%x", der)
	}
	return sequence.String()
}
