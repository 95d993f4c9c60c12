/** The page: a digit is drawn and asked on one side, the run that made the model is shown on the other. */
import { Answer } from "./answer";
import { Operators } from "./operators";
import { Pad } from "./pad";
import { Run } from "./run";
import { Shares } from "./shares";
import { useModel } from "./use-model";
import { useRun } from "./use-run";
import { Who } from "./who";
import "./style.css";

export function App() {
  const { state, connected } = useRun();
  const { start, model } = state;
  const { asking, ask, forget } = useModel(model);
  const asked = asking.state === "answered" ? asking.asked : undefined;
  const waitingFor = model ? undefined : "You can draw already; the model can be asked when it is trained.";
  return (
    <>
      <header>
        <h1>A hidden model reads a hidden digit</h1>
        <p>
          Draw a digit. Your browser splits it into shares that are noise, each party gets its part and no party sees
          the digit, the model, or the answer.
        </p>
        {model?.insecure && (
          <p class="warning" role="note">
            <strong>Insecure:</strong> connections to the parties are without TLS, for trying things out on this
            machine.
          </p>
        )}
      </header>
      <main>
        <section aria-labelledby="draw">
          <h2 id="draw">Draw a digit</h2>
          <div class="beside">
            <Pad
              waitingFor={waitingFor}
              asking={asking.state === "asking"}
              ask={(drawing) => void ask(drawing)}
              cleared={forget}
            />
            <Answer asking={asking} />
          </div>
        </section>
        <section aria-labelledby="shares">
          <h2 id="shares">What the parties got</h2>
          <Shares asked={asked} members={start?.members ?? []} cost={model?.cost} />
        </section>
        <section aria-labelledby="run">
          <h2 id="run">The training</h2>
          <Run state={state} connected={connected} />
        </section>
        <section aria-labelledby="time">
          <h2 id="time">Where the time goes</h2>
          <Operators measured={state.operators} />
        </section>
        <section aria-labelledby="who" class="whole">
          <h2 id="who">Who could see what</h2>
          <Who start={start} model={model} />
        </section>
      </main>
    </>
  );
}
