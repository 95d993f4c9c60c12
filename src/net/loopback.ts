/** What is on this machine alone: addresses and names by which nobody else reaches it. Not who may connect. */

const addresses = /^(127\.|::1$|::ffff:127\.)/;
export const isLoopback = (address: string | undefined): boolean => address !== undefined && addresses.test(address);

/**
 * Whether a request's Host header names this machine. Any page may let its own name lead to 127.0.0.1, and is then taken for a page
 * of the server there by a browser here; a proxy here passes on the name that strangers asked.
 */
export const isOwnHost = (host = ""): boolean => /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i.test(host);
