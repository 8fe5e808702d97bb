import { Cover } from "@/components/ui/cover";

/** Somebody's picture: drawn from their name, the same one everywhere. */
export function Avatar({ name, className = "size-10" }: { name: string; className?: string }) {
  return (
    <span aria-hidden className={`relative grid shrink-0 place-items-center overflow-hidden rounded-full ${className}`}>
      <Cover seed={`person ${name}`} className="absolute inset-0 size-full rounded-none" />
      <span className="relative font-bold uppercase text-white [text-shadow:0_1px_3px_rgb(0_0_0/0.7)]">
        {name.slice(0, 1)}
      </span>
    </span>
  );
}
