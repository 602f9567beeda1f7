import com.pixelmed.validate.DicomSRValidator;

/** Validates each report as PixelMed's own program does, but prepares the templates only once. */
class PixelMed {
  public static void main(String[] reports) throws Exception {
    DicomSRValidator validator = new DicomSRValidator();
    for (String report : reports) {
      System.out.println("Report " + report + "\n" + validator.validate(report));
    }
  }
}
