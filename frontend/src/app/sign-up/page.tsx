import type { Metadata } from "next";
import { SignUp } from "@/components/account/sign-up";

export const metadata: Metadata = { title: "Create an account" };

/** For those who come for the first time. */
export default function Page() {
  return <SignUp />;
}
