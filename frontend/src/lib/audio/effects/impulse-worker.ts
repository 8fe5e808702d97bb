import { impulse } from "./impulse.js";

/** A space that is wanted, and the rate that it is to sound at. */
export type SpaceAsked = { key: string; space: string; decaySeconds: number; rate: number };

/** How it answers: left and right. */
export type SpaceMade = { key: string; sides: [Float32Array<ArrayBuffer>, Float32Array<ArrayBuffer>] };

// What a worker's scope offers (HTML, §10.2.1); the audio thread's descriptions leave it out.
declare const self: {
  onmessage: ((event: { data: SpaceAsked }) => void) | null;
  postMessage: (message: SpaceMade, transfer: ArrayBuffer[]) => void;
};

self.onmessage = ({ data: { key, space, decaySeconds, rate } }) => {
  const [left, right] = impulse(space, decaySeconds, rate);
  const sides: SpaceMade["sides"] = [Float32Array.from(left), Float32Array.from(right)];
  self.postMessage(
    { key, sides },
    sides.map((side) => side.buffer),
  );
};
