/** Who could see what, in plain words: said on the page itself, because the page is part of it. */
import type { RunState } from "./run-state";
import { listText } from "./text";

export function Who({ start, model }: { readonly start: RunState["start"]; readonly model: RunState["model"] }) {
  const members = start?.members ?? [];
  const parties = members.filter(({ deals }) => !deals).map(({ name }) => name);
  const dealer = members.find(({ deals }) => deals)?.name;
  return (
    <ul>
      {start && <li>{start.protects}</li>}
      {parties.length > 0 && (
        <li>
          {dealer === undefined
            ? `Any two of ${listText(parties)} together could see your drawing, the answer, the model and what it was trained on.`
            : `${listText(parties)} together, or ${dealer} with any one of them, could see your drawing, the answer, the model and what it was trained on.`}
        </li>
      )}
      <li>
        This page sees your drawing: whoever serves it, and every extension of your browser that may read pages, is
        trusted with the input. It asks each party by a connection of its own; nothing that you draw goes to the program
        that serves the page.
      </li>
      <li>
        You learn the ten scores of each answer. Many answers tell something about the model, so its owner limits their
        number.
      </li>
      {model?.insecure && (
        <li>
          Here all parties run on one machine, so whoever controls it can see everything. In earnest, they belong to
          organisations that would not collude.
        </li>
      )}
    </ul>
  );
}
