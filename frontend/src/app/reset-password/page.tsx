import type { Metadata } from "next";
import { ResetPassword } from "@/components/account/reset-password";

export const metadata: Metadata = { title: "New password" };

/** Where the link of the mail leads: `/reset-password/#token=…`. */
export default function Page() {
  return <ResetPassword />;
}
