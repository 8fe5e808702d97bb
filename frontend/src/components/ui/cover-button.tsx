import { Pause, Play } from "lucide-react";
import { TrackCover } from "./track-cover";

/** A line's picture, which puts on what the line stands for; it stays lit while that is on. */
export function CoverButton({
  seed,
  src,
  label,
  isOn,
  playing,
  onPress,
  className,
}: {
  seed: string;
  src?: string;
  label: string;
  isOn: boolean;
  playing: boolean;
  onPress: () => void;
  className: string;
}) {
  const Sign = playing ? Pause : Play;
  return (
    <button
      type="button"
      onClick={onPress}
      aria-label={label}
      className={`relative shrink-0 overflow-hidden rounded-lg ${className}`}
    >
      <TrackCover seed={seed} src={src} sizes="56px" className="size-full" />
      <span
        className={`absolute inset-0 grid place-items-center bg-black/45 text-white transition group-hover:opacity-100 ${isOn ? "" : "opacity-0 group-focus-within:opacity-100"}`}
      >
        <Sign size={20} fill="currentColor" />
      </span>
    </button>
  );
}
