import type { ComponentProps, CSSProperties } from "react";

type SliderProps = Omit<ComponentProps<"input">, "type" | "value" | "onChange" | "min" | "max"> & {
  min: number;
  max: number;
  value: number;
  onValue: (value: number) => void;
};

/** A slider whose track is bright up to its thumb. */
export function Slider({ min, max, value, onValue, className = "", ...rest }: SliderProps) {
  const at = max > min ? (Math.min(max, Math.max(min, value)) - min) / (max - min) : 0;
  return (
    <input
      type="range"
      min={min}
      max={max}
      value={value}
      onChange={(event) => onValue(Number(event.target.value))}
      className={`slider ${className}`}
      style={{ "--at": at } as CSSProperties}
      {...rest}
    />
  );
}
