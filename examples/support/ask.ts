/** The client of 38-serve-a-model.ts: asks about the first test images of MNIST, one more than it may. */
import { connectModel, PolicyError } from "secretgrad";
import { labels, numbers, pixels } from "./mnist.js";

const digits = await connectModel(process.argv[2]!);
const actual = await numbers(await labels("t10k", 0, 4));
try {
  for (let i = 0; i < 4; i++) {
    const image = await numbers(await pixels("t10k", i, i + 1));
    const answer = await digits.predict(image);
    console.log(`actual ${actual[i]}, predicted ${answer.class}`);
  }
} catch (error) {
  if (!(error instanceof PolicyError)) throw error;
  console.log("Refused:", error.message);
} finally {
  await digits.close();
}
