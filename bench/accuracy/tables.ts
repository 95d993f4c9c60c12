/** Trainings on tables whose columns belong to two owners: a diagnosis, and a linear regression with its standard errors. */
import { concat, data, nn, optim, type Session } from "../../src/index.js";
import { dataFile, type Record, type Shared, type Size, type Task } from "./task.js";

async function table(name: string): Promise<{ values: Float64Array; rows: number; columns: readonly string[] }> {
  const { values, shape, columns } = (await data.openFile(dataFile(name))) as data.CsvData;
  return { values, rows: shape[0]!, columns: columns! };
}

/** Of one column. */
function moments(values: Float64Array): { mean: number; deviation: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const square = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, deviation: Math.sqrt(square) };
}
const columnOf = (values: Float64Array, width: number, column: number): Float64Array =>
  Float64Array.from({ length: values.length / width }, (_, row) => values[row * width + column]!);

/** Every fifth row is for testing. */
const isTest = (row: number): boolean => row % 5 === 4;
const measured = 30;
/** The first columns are Alice's. */
const alices = 20;

interface Tumours {
  readonly x: Float64Array;
  readonly y: Float64Array;
  readonly rows: number;
}
/** Each column with mean 0 and deviation 1 among the rows for training, which its owner can do alone. */
async function tumours(size: Size): Promise<{ train: Tumours; test: Tumours }> {
  const { values, rows } = await table("breast-cancer.csv");
  const width = measured + 1;
  const take = (test: boolean) => {
    const all = Array.from({ length: rows }, (_, row) => row).filter((row) => isTest(row) === test);
    return all.slice(0, size.rows ?? all.length);
  };
  const [train, test] = [take(false), take(true)];
  const statistics = Array.from({ length: measured }, (_, column) =>
    moments(Float64Array.from(train, (row) => values[row * width + column]!)),
  );
  const laid = (list: readonly number[]): Tumours => ({
    rows: list.length,
    x: Float64Array.from(
      list.flatMap((row) =>
        statistics.map(({ mean, deviation }, column) => (values[row * width + column]! - mean) / deviation),
      ),
    ),
    y: Float64Array.from(list, (row) => values[row * width + measured]!),
  });
  return { train: laid(train), test: laid(test) };
}

const tumourBatch = 57;
const tumourRate = 0.5;
const breastCancer: Task = {
  name: "breast-cancer",
  title: "logistic regression on breast cancer",
  setting:
    "30 measurements, of which 20 are Alice's and 10 Bob's, who also has the diagnoses; 456 rows, 20 epochs, batches of 57, rate 0.5; tested on the other 113",
  epochs: 20,
  minRows: 57,
  releases: ["meanLoss", "count"],
  accuracy: { atLeast: 95 },
  async shared(size) {
    const { train, test } = await tumours(size);
    const source = ({ x, rows }: Tumours) => data.rowsOf({ shape: [rows, measured], values: x });
    const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
    const labels = ({ y, rows }: Tumours) => data.rowsOf({ shape: [rows], values: y });
    return [
      { name: "alice/cells", rows: data.columns(range(0, alices))(source(train)) },
      { name: "alice/test-cells", rows: data.columns(range(0, alices))(source(test)) },
      { name: "bob/cells", rows: data.columns(range(alices, measured))(source(train)) },
      { name: "bob/test-cells", rows: data.columns(range(alices, measured))(source(test)) },
      { name: "bob/benign", rows: labels(train) },
      { name: "bob/test-benign", rows: labels(test), bound: 1 },
    ];
  },
  async train(session, size, record) {
    const model = nn.linear(measured, 1);
    model.loadStateDict({ weight: new Float64Array(measured), bias: [0] });
    const sgd = optim.sgd(model.parameters(), { lr: tumourRate });
    const sets = {
      alice: session.dataset("alice/cells"),
      bob: session.dataset("bob/cells"),
      benign: session.dataset("bob/benign"),
    };
    for (let epoch = 0; epoch < (size.epochs ?? breastCancer.epochs); epoch++) {
      for await (const batch of data.batches(sets, { size: tumourBatch, firstEpoch: epoch, shuffle: false })) {
        const scores = model(concat([batch.alice, batch.bob], 1)).reshape(batch.rows);
        const loss = nn.binaryCrossEntropyWithLogits(scores, batch.benign);
        sgd.minimize(loss);
        record.loss(data.meanLoss(loss).reveal(), batch.rows);
      }
      const [alice, bob] = ["alice/test-cells", "bob/test-cells"].map((name) => session.dataset(name).all());
      const rows = session.dataset("bob/test-benign").rows;
      const benign = model(concat([alice!, bob!], 1))
        .reshape(rows)
        .gt(0);
      const right = benign.eq(session.dataset("bob/test-benign").all());
      await record.hits(data.count(right).reveal(), rows);
    }
  },
  async reference(size) {
    const { train, test } = await tumours(size);
    const weights = new Float64Array(measured + 1);
    const score = (x: Float64Array, row: number) =>
      x
        .subarray(row * measured, (row + 1) * measured)
        .reduce((sum, value, i) => sum + value * weights[i]!, weights[measured]!);
    const [losses, accuracies]: [number[], number[]] = [[], []];
    for (let epoch = 0; epoch < (size.epochs ?? breastCancer.epochs); epoch++) {
      for (let from = 0; from < train.rows; from += tumourBatch) {
        const to = Math.min(train.rows, from + tumourBatch);
        const gradient = new Float64Array(measured + 1);
        let loss = 0;
        for (let row = from; row < to; row++) {
          const z = score(train.x, row);
          const label = train.y[row]!;
          loss += Math.log1p(Math.exp(-Math.abs(z))) + Math.max(z, 0) - z * label;
          const off = (1 / (1 + Math.exp(-z)) - label) / (to - from);
          for (let i = 0; i < measured; i++) gradient[i]! += off * train.x[row * measured + i]!;
          gradient[measured]! += off;
        }
        for (let i = 0; i <= measured; i++) weights[i]! -= tumourRate * gradient[i]!;
        losses.push(loss / (to - from));
      }
      let hits = 0;
      for (let row = 0; row < test.rows; row++) if (Number(score(test.x, row) > 0) === test.y[row]) hits++;
      accuracies.push((100 * hits) / test.rows);
    }
    return { losses, accuracies };
  },
};

const predictors = 10;

/** Solves a x = b for several right-hand sides, by Gauss and Jordan with pivots. a [n, n] and b [n, m] are overwritten; b is x. */
function solve(a: number[][], b: number[][]): number[][] {
  a.forEach((_, k) => {
    const pivot = a.reduce((best, row, i) => (i >= k && Math.abs(row[k]!) > Math.abs(a[best]![k]!) ? i : best), k);
    for (const rows of [a, b]) [rows[k], rows[pivot]] = [rows[pivot]!, rows[k]!];
    const unit = a[k]![k]!;
    for (const rows of [a, b]) rows[k] = rows[k]!.map((value) => value / unit);
    a.forEach((row, i) => {
      const factor = i === k ? 0 : row[k]!;
      for (const rows of [a, b]) rows[i] = rows[i]!.map((value, j) => value - factor * rows[k]![j]!);
    });
  });
  return b;
}

interface Fit {
  readonly coefficients: readonly number[];
  readonly errors: readonly number[];
}
/** Ordinary least squares of centred columns, from the sums XᵀX, Xᵀy and yᵀy: s² (XᵀX)⁻¹ is the coefficients' covariance. */
function leastSquares(xx: Float64Array, xy: Float64Array, yy: number, rows: number): Fit {
  const p = xy.length;
  const matrix = Array.from({ length: p }, (_, i) => [...xx.subarray(i * p, (i + 1) * p)]);
  const unit = Array.from({ length: p }, (_, i) => Array.from({ length: p }, (_, j) => Number(i === j)));
  const inverse = solve(matrix, unit);
  const coefficients = inverse.map((row) => row.reduce((sum, value, j) => sum + value * xy[j]!, 0));
  const rest = yy - coefficients.reduce((sum, value, j) => sum + value * xy[j]!, 0);
  // One degree of freedom went into the means.
  const variance = rest / (rows - p - 1);
  return { coefficients, errors: inverse.map((row, i) => Math.sqrt(variance * row[i]!)) };
}

interface Patients {
  readonly names: readonly string[];
  readonly x: Float64Array;
  readonly y: Float64Array;
  readonly rows: number;
  /** Of the columns as they are measured. */
  readonly deviations: readonly number[];
}
/** All columns with mean 0 and deviation 1, which their owners can do alone. */
async function patients(size: Size): Promise<Patients> {
  const { values, rows: all, columns } = await table("diabetes.csv");
  const width = predictors + 1;
  const rows = Math.min(all, size.rows ?? all);
  const some = values.subarray(0, rows * width);
  const statistics = columns.map((_, column) => moments(columnOf(some, width, column)));
  const standard = (row: number, column: number) =>
    (some[row * width + column]! - statistics[column]!.mean) / statistics[column]!.deviation;
  return {
    names: columns.slice(0, predictors),
    x: Float64Array.from({ length: rows * predictors }, (_, i) => standard(Math.floor(i / predictors), i % predictors)),
    y: Float64Array.from({ length: rows }, (_, row) => standard(row, predictors)),
    rows,
    deviations: statistics.map(({ deviation }) => deviation),
  };
}

const diabetes: Task = {
  name: "diabetes",
  title: "linear regression on diabetes",
  setting:
    "10 measurements are Alice's, the progression of the disease Bob's; revealed are XᵀX, Xᵀy and yᵀy, each a sum over all 442 patients, from which the driver has coefficients and standard errors",
  epochs: 1,
  minRows: 100,
  releases: ["open"],
  async shared(size): Promise<readonly Shared[]> {
    const { x, y, rows } = await patients(size);
    return [
      { name: "alice/measured", rows: data.rowsOf({ shape: [rows, predictors], values: x }) },
      { name: "bob/progression", rows: data.rowsOf({ shape: [rows], values: y }) },
    ];
  },
  async train(session: Session, size: Size, record: Record) {
    const { names, x: clearX, y: clearY, rows, deviations } = await patients(size);
    const x = session.dataset("alice/measured").all();
    const y = session.dataset("bob/progression").all().reshape(rows, 1);
    const sums = [x.T.matmul(x), x.T.matmul(y), y.T.matmul(y)];
    const [xx, xy, yy] = await Promise.all(sums.map((sum) => record.values(sum.reveal())));
    const fit = leastSquares(xx!, xy!, yy![0]!, rows);
    const product = (a: (row: number) => number, b: (row: number) => number) => {
      let sum = 0;
      for (let row = 0; row < rows; row++) sum += a(row) * b(row);
      return sum;
    };
    const at = (column: number) => (row: number) => clearX[row * predictors + column]!;
    const target = (row: number) => clearY[row]!;
    const clear = leastSquares(
      Float64Array.from({ length: predictors ** 2 }, (_, i) =>
        product(at(Math.floor(i / predictors)), at(i % predictors)),
      ),
      Float64Array.from({ length: predictors }, (_, i) => product(at(i), target)),
      product(target, target),
      rows,
    );
    // Back to what was measured: progression per unit of the column.
    const units = (values: readonly number[]) =>
      values.map((value, i) => (value * deviations[predictors]!) / deviations[i]!);
    const [b, se, clearB, clearSe] = [fit.coefficients, fit.errors, clear.coefficients, clear.errors].map(units);
    record.table(
      ["", "coefficient", "standard error", "in the clear", "standard error"],
      names.map((name, i) => [name, ...[b, se, clearB, clearSe].map((list) => list![i]!.toPrecision(6))]),
    );
    const apart = Math.max(...b!.map((value, i) => Math.abs(value - clearB![i]!) / clearSe![i]!));
    record.figure("largest difference of a coefficient, in standard errors", apart, { atMost: 0.01 });
    const errors = Math.max(...se!.map((value, i) => Math.abs(value / clearSe![i]! - 1)));
    record.figure("largest relative difference of a standard error", errors, { atMost: 0.001 });
  },
};

export const tableTasks: readonly Task[] = [breastCancer, diabetes];
