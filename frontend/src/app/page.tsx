import { Landing } from "@/components/landing/landing";

/** The front door. */
export default function Page() {
  return <Landing />;
}
