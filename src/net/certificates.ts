/** Identities: a P-256 key with a self-signed certificate, and fingerprints of public keys. No certificate authority. */
import { createHash, X509Certificate } from "node:crypto";
import { HandshakeError, InputError } from "../errors.js";

/** Who we are on the wire. The private key must come from a file that only this process can read. */
export interface Identity {
  readonly name: string;
  readonly certPem: string;
  readonly keyPem: string;
}

/** The certificate's dates are never checked (the key is pinned), so they only need to be valid X.509. */
const YEARS = 50;

/** A new key pair with a self-signed certificate for this name. */
export async function createIdentity(name: string): Promise<Identity> {
  checkName(name);
  // Loaded on demand: only whoever creates a key pays for the ASN.1 library.
  await import("reflect-metadata");
  const { PemConverter, X509CertificateGenerator, cryptoProvider } = await import("@peculiar/x509");
  const { webcrypto } = await import("node:crypto");
  cryptoProvider.set(webcrypto as never);
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const notBefore = new Date();
  const notAfter = new Date(notBefore);
  notAfter.setFullYear(notAfter.getFullYear() + YEARS);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [name] }],
    notBefore,
    notAfter,
    signingAlgorithm: algorithm,
    keys: keys as never,
  });
  const pkcs8 = await webcrypto.subtle.exportKey("pkcs8", keys.privateKey);
  return { name, certPem: certificate.toString("pem"), keyPem: PemConverter.encode(pkcs8, "PRIVATE KEY") };
}

/** SHA-256 of the certificate's public key (SubjectPublicKeyInfo, DER), as hex: what others pin. */
export function fingerprint(certPem: string): string {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(certPem);
  } catch (cause) {
    throw new InputError("fingerprint: expected a certificate in PEM, got something else; try the .crt file", {
      cause,
    });
  }
  return keyFingerprint(certificate);
}

/** The same for a certificate from a TLS handshake. */
export function keyFingerprint(certificate: X509Certificate): string {
  const der = certificate.publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(der).digest("hex");
}

/** Names appear in errors, logs, key derivations and certificates: letters, digits and `._-`, at most 64. */
export function checkName(name: string): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name))
    throw new HandshakeError(
      `name: expected 1 to 64 letters, digits and ._- (a letter or digit first), got ${JSON.stringify(name.slice(0, 80))}; try "alice"`,
    );
}
