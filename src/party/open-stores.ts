/** The stores of a party on disk: which vault, which journals under which names. Not their formats, see storage/. */
import { grantRecord } from "./grants.js";
import { ledgerRecord } from "./ledger.js";
import { servingRecord } from "./serving/deployments.js";
import { CheckpointStore, DatasetStore, Journal, Vault } from "./storage/index.js";
import type { Stores } from "./stores.js";
import { variableMeta } from "./variable-meta.js";

/** Opens (or creates) the data directory of a party. `key`: 32 bytes from the operator, never from that directory. */
export function openStores(directory: string, key: Uint8Array): Stores {
  const vault = new Vault(directory, key);
  try {
    return {
      datasets: new DatasetStore(vault),
      checkpoints: new CheckpointStore(vault, variableMeta),
      grants: new Journal(vault, "grants", grantRecord),
      ledger: new Journal(vault, "ledger", ledgerRecord),
      serving: new Journal(vault, "serving", servingRecord),
      close: () => vault.close(),
    };
  } catch (error) {
    vault.close();
    throw error;
  }
}
