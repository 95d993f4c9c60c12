/** Puts the page into its document. */
import { render } from "preact";
import "uplot/dist/uPlot.min.css";
import { App } from "./app";

render(<App />, document.getElementById("app")!);
