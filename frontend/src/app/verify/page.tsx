import type { Metadata } from "next";
import { VerifyEmail } from "@/components/account/verify-email";

export const metadata: Metadata = { title: "Verify your address" };

/** Where the link of the mail leads: `/verify/#token=…`. */
export default function Page() {
  return <VerifyEmail />;
}
