/** The sign: four bars of a waveform. */
export function Logo({ size = 28 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden>
      <defs>
        <linearGradient id="logo" x1="0" x2="1" y1="0" y2="1">
          <stop stopColor="var(--amber)" />
          <stop offset="1" stopColor="var(--coral)" />
        </linearGradient>
      </defs>
      <g fill="url(#logo)">
        <rect x="3" y="12" width="4" height="8" rx="2" />
        <rect x="10" y="6" width="4" height="20" rx="2" />
        <rect x="17" y="2" width="4" height="28" rx="2" />
        <rect x="24" y="10" width="4" height="12" rx="2" />
      </g>
    </svg>
  );
}
