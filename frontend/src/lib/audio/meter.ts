import { useEffect, useState } from "react";
import { METER } from "./effects/kinds";
import type { Reading } from "./effects/meter";

/** What meters show: `told` changes once a second, for whoever has it read out. `highestDbtp` is since they began. */
export type Shown = { now: Reading; told: Reading; highestDbtp: number; toldHighestDbtp: number };

const READINGS_FOR_ONE_TOLD = 10;

/** What is shown after one more reading. */
export function shownAfter(shown: Shown | null, reading: Reading, number: number): Shown {
  const highestDbtp = Math.max(shown?.highestDbtp ?? -Infinity, reading.truePeakDbtp);
  if (shown && number % READINGS_FOR_ONE_TOLD) return { ...shown, now: reading, highestDbtp };
  return { now: reading, told: reading, highestDbtp, toldHighestDbtp: highestDbtp };
}

/** Measure what leaves a node, on a context that has the effects of the audio thread; the way to stop it. */
function measure(source: AudioNode, hear: (reading: Reading) => void): () => void {
  const { context } = source;
  const node = new AudioWorkletNode(context, METER, {
    numberOfInputs: 1,
    numberOfOutputs: 1,
    outputChannelCount: [1],
    channelCount: 2,
    // One channel counts once, as on the server.
    channelCountMode: "clamped-max",
  });
  node.port.onmessage = ({ data }: MessageEvent<Reading>) => hear(data);
  source.connect(node);
  // Silent: what leads nowhere is not asked for its sound.
  node.connect(context.destination);
  return () => {
    source.disconnect(node);
    node.disconnect();
    node.port.postMessage("done");
  };
}

/** What the meters say of a node while it is there; the highest peak is that since `running` began. */
export function useMeters(source: AudioNode | null, running: boolean): Shown | null {
  const [shown, setShown] = useState<Shown | null>(null);
  useEffect(() => {
    if (!source) return;
    let number = 0;
    return measure(source, (reading) => setShown((before) => shownAfter(before, reading, number++)));
  }, [source]);
  useEffect(() => {
    if (running) setShown(null);
  }, [running]);
  return shown;
}
