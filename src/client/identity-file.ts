/**
 * Who we are, in a file: private key and certificate in one PEM file that only its owner can read. Not the public list
 * of identities, which is the cluster file.
 */
import { X509Certificate } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { InputError } from "../errors.js";
import { fingerprint, type Identity } from "../net/index.js";

/** What such a file contains; write it with mode 0600. */
export function identityText({ keyPem, certPem }: Identity): string {
  return `${keyPem.trim()}\n${certPem.trim()}\n`;
}

export async function readIdentity(path: string): Promise<Identity> {
  let text: string;
  try {
    const { mode } = await stat(path);
    if (process.platform !== "win32" && (mode & 0o077) !== 0)
      throw new InputError(
        `${path}: expected a key that only you can read, got mode ${(mode & 0o777).toString(8)}; try chmod 600 ${path}`,
      );
    text = await readFile(path, "utf8");
  } catch (cause) {
    if (cause instanceof InputError) throw cause;
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "an error";
    throw new InputError(`${path}: expected a key file, got ${code}; try --key FILE or \`secretgrad init\``, { cause });
  }
  const keyPem = block(text, "PRIVATE KEY");
  const certPem = block(text, "CERTIFICATE");
  if (!keyPem || !certPem)
    throw new InputError(
      `${path}: expected a private key and a certificate in PEM, got something else; try \`secretgrad init\``,
    );
  return { name: nameIn(certPem, path), certPem, keyPem };
}

/** Throws unless this is the key that the others know `name` by. */
export function checkPin(identity: Identity, name: string, pin: string, where: string): void {
  if (identity.name === name && fingerprint(identity.certPem) === pin) return;
  throw new InputError(
    `${where}: expected the key that the cluster file pins for ${name}, got another key (of ${identity.name}); try that identity's file`,
  );
}

function block(text: string, label: string): string | undefined {
  return new RegExp(`-----BEGIN ${label}-----[A-Za-z0-9+/=\\s]+-----END ${label}-----`).exec(text)?.[0];
}

function nameIn(certPem: string, path: string): string {
  let subject: string;
  try {
    subject = new X509Certificate(certPem).subject;
  } catch (cause) {
    throw new InputError(`${path}: expected a certificate, got something else; try \`secretgrad init\``, { cause });
  }
  const name = /^CN=(.+)$/m.exec(subject)?.[1];
  if (!name) throw new InputError(`${path}: expected a certificate with a name, got none; try \`secretgrad init\``);
  return name;
}
