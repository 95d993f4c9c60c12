/** A value between layers of Keras, which may lie with its channels first although Keras has them last. */
import type { Tensor } from "../../tensor/index.js";

export class Value {
  constructor(
    readonly stored: Tensor,
    /** Whether it is [batch, channels, ...] and Keras means [batch, ..., channels]. */
    readonly channelsFirst = false,
  ) {}

  /** In Keras's order. */
  get keras(): Tensor {
    if (!this.channelsFirst) return this.stored;
    const [batch, channels, ...spatial] = this.stored.shape.map((_, i) => i) as [number, number, ...number[]];
    return this.stored.transpose(batch, ...spatial, channels);
  }
  /** [batch, channels, ...]. */
  get first(): Tensor {
    if (this.channelsFirst) return this.stored;
    const [batch, ...rest] = this.stored.shape.map((_, i) => i) as [number, ...number[]];
    const channels = rest.pop();
    return channels === undefined ? this.stored : this.stored.transpose(batch, channels, ...rest);
  }
  /** In Keras's order. */
  get shape(): readonly number[] {
    if (!this.channelsFirst) return this.stored.shape;
    const [batch, channels, ...spatial] = this.stored.shape as [number, number, ...number[]];
    return [batch, ...spatial, channels];
  }
  /** Element by element. */
  map(apply: (x: Tensor) => Tensor): Value {
    return new Value(apply(this.stored), this.channelsFirst);
  }
}
