import { Loader, Pause, Play } from "lucide-react";

/** Play, or pause while it plays. A triangle looks centred a pixel to the right. */
export function PlaySign({ playing, size = 20 }: { playing: boolean; size?: number }) {
  return playing ? (
    <Pause size={size} fill="currentColor" aria-hidden />
  ) : (
    <Play size={size} fill="currentColor" className="translate-x-px" aria-hidden />
  );
}

/** The round button that starts and stops what is heard. `waiting`: it was started, and its sound is not here yet. */
export function PlayButton({
  label,
  playing,
  waiting = false,
  onClick,
}: {
  label: string;
  playing: boolean;
  waiting?: boolean;
  onClick: () => void;
}) {
  return (
    <button
      type="button"
      onClick={onClick}
      aria-label={label}
      className="making grid size-11 place-items-center rounded-full text-on-accent transition hover:brightness-105"
    >
      {waiting && playing ? <Loader size={20} className="animate-spin" aria-hidden /> : <PlaySign playing={playing} />}
    </button>
  );
}
